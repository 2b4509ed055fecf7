import { Command, Option } from 'commander';
import { confirm } from '../confirm.js';
import type { Context } from '../context.js';
import { formatDuration } from '../duration.js';
import { EXIT, type ExitCode } from '../core/exit-codes.js';
import type { Perform } from '../action.js';
import { parseCount } from '../parse-count.js';
import { waitOption, waitUntilCarriedOut } from './wait.js';

interface ReleaseOptions {
  readonly namespace: string;
  readonly destination: string;
  readonly yes?: boolean;
  readonly wait?: number;
}

export function heldCommand(perform: Perform): Command {
  const command = new Command('held').description('keys whose messages wait for a failed one');
  command.addCommand(
    new Command('list')
      .description('what each waits for')
      .addOption(new Option('--limit <count>', 'how many at most').argParser(parseCount).default(100))
      .action((options: { limit: number }) => perform((context) => list(context, options.limit))),
  );
  command.addCommand(
    new Command('release')
      .description('lets the key go on without the message that it waits for, which is a dead letter then')
      .argument('<key>', 'as `list` prints it')
      .option('--namespace <name>', 'of the key', 'default')
      .option('--destination <name>', 'of the key', 'default')
      .option('-y, --yes', 'without asking')
      .addOption(waitOption())
      .action((key: string, options: ReleaseOptions) => perform((context) => release(context, key, options))),
  );
  return command;
}

function list(context: Context, limit: number): Promise<ExitCode> {
  const { reporter } = context;
  return context.withOperator(async ({ heldKeys }) => {
    const held = await heldKeys.list({ limit });
    const iso = (ms: number | undefined): string | undefined =>
      ms === undefined ? undefined : new Date(ms).toISOString();
    reporter.result(
      held.map(({ sinceMs, ...one }) => ({ ...one, ...(sinceMs === undefined ? {} : { since: iso(sinceMs) }) })),
      () =>
        reporter.table(
          ['NAMESPACE', 'DESTINATION', 'KEY', 'WAITS FOR', 'HEAD', 'ATTEMPTS', 'SINCE', 'DUE IN', 'LAST ERROR'],
          held.map((one) => [
            one.namespace,
            one.destination,
            one.key,
            one.waitsFor,
            one.headId,
            one.attempts,
            iso(one.sinceMs),
            one.dueInMs === undefined ? undefined : formatDuration(one.dueInMs),
            one.lastError,
          ]),
          'No key is held.',
        ),
    );
    return EXIT.done;
  });
}

async function release(context: Context, key: string, options: ReleaseOptions): Promise<ExitCode> {
  const { reporter, terminal } = context;
  const { namespace, destination, yes = false } = options;
  const question = `Let ${JSON.stringify(key)} go on without the message that it waits for? Later ones will overtake it.`;
  await confirm(question, yes, terminal);
  return context.withOperator(async (operator) => {
    const released = await operator.heldKeys.release({ namespace, destination, key });
    const outstanding = released ? await waitUntilCarriedOut(context, operator, options.wait) : undefined;
    reporter.result({ released, ...(outstanding === undefined ? {} : { outstanding }) }, () => {
      if (!released) {
        reporter.line(
          `${JSON.stringify(key)} is not held in namespace ${JSON.stringify(namespace)} for destination ` +
            `${JSON.stringify(destination)}: see held list.`,
        );
      } else if (outstanding === 0) reporter.line(`${JSON.stringify(key)} goes on.`);
      else reporter.line(`${JSON.stringify(key)} is marked to go on. The relay of its shard carries it out.`);
      if (outstanding) reporter.line(`Of all requests, ${outstanding} are still to be carried out: does a relay run?`);
    });
    return released && !outstanding ? EXIT.done : EXIT.notWell;
  });
}
