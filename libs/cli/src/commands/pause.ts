import { Command } from 'commander';
import type { Context } from '../context.js';
import { EXIT, type ExitCode } from '../core/exit-codes.js';
import type { Perform } from '../action.js';

export function pauseCommand(perform: Perform): Command {
  return new Command('pause')
    .description('sends nothing more, in all processes and in those that start, until it is resumed')
    .argument('[destination]', 'the name of a publisher (default: all)')
    .action((destination?: string) => perform((context) => pause(context, destination)));
}

export function resumeCommand(perform: Perform): Command {
  return new Command('resume')
    .description('ends the pause of a destination, or every pause; 1 when there was none')
    .argument('[destination]', 'the name of a publisher (default: whatever is paused)')
    .action((destination?: string) => perform((context) => resume(context, destination)));
}

function pause(context: Context, destination: string | undefined): Promise<ExitCode> {
  const { reporter } = context;
  return context.withOperator(async ({ pauses }) => {
    await pauses.pause(destination);
    reporter.result({ paused: destination ?? null }, () =>
      reporter.line(`Paused ${named(destination)}. Calls that are under way come to their end.`),
    );
    return EXIT.done;
  });
}

function resume(context: Context, destination: string | undefined): Promise<ExitCode> {
  const { reporter } = context;
  return context.withOperator(async ({ pauses }) => {
    const resumed = await pauses.resume(destination);
    const left = await pauses.list();
    const allPaused = left.some((one) => one.destination === undefined);
    reporter.result({ resumed, stillPaused: left.map((one) => one.destination ?? null) }, () => {
      reporter.line(resumed ? `Resumed ${named(destination)}.` : `Nothing of that is paused: ${named(destination)}.`);
      if (allPaused) reporter.line('All destinations are paused, and stay so: `resume` without a name ends that.');
    });
    return resumed && !allPaused ? EXIT.done : EXIT.notWell;
  });
}

function named(destination: string | undefined): string {
  return destination === undefined ? 'all destinations' : JSON.stringify(destination);
}
