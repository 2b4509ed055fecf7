import { Command, Option } from 'commander';
import type { DeadLetter, OutboxOperator } from 'nestjs-turnpike/outbox';
import { confirm } from '../confirm.js';
import type { Context } from '../context.js';
import { EXIT, type ExitCode } from '../core/exit-codes.js';
import { plural } from '../core/plural.js';
import type { Perform } from '../action.js';
import { parseCount } from '../parse-count.js';
import { describe, filterOf, parseId, selectionOf, withFilter } from './selection.js';
import type { FilterOptions, SelectionOptions } from './selection.js';
import { waitOption, waitUntilCarriedOut } from './wait.js';

interface ListOptions extends FilterOptions {
  readonly limit: number;
  readonly before?: bigint;
  readonly payload?: boolean;
}

interface RequestOptions extends SelectionOptions {
  readonly yes?: boolean;
  readonly wait?: number;
}

export function deadLettersCommand(perform: Perform): Command {
  const command = new Command('dead-letters').description('messages that were given up');
  command.addCommand(
    withFilter(new Command('list').description('the newest first'))
      .addOption(new Option('--limit <count>', 'how many at most').argParser(parseCount).default(100))
      .addOption(new Option('--before <id>', 'those before this one, for the next page').argParser(parseId))
      .option('--payload', 'with what was published; bytes as base64')
      .action((options: ListOptions) => perform((context) => list(context, options))),
  );
  for (const kind of ['requeue', 'purge'] as const) {
    const description = {
      requeue: 'sends them again, before what waits behind them',
      purge: 'deletes them; what waits behind them goes on',
    };
    const request = withFilter(new Command(kind).description(description[kind]))
      .option('--all', 'all of them')
      .addOption(waitOption());
    if (kind === 'purge') request.option('-y, --yes', 'without asking');
    request.action((options: RequestOptions) => perform((context) => ask(context, kind, options)));
    command.addCommand(request);
  }
  return command;
}

function list(context: Context, options: ListOptions): Promise<ExitCode> {
  const { reporter } = context;
  const { limit, before, payload = false } = options;
  return context.withOperator(async ({ deadLetters }) => {
    const found = await deadLetters.list(filterOf(options), before === undefined ? { limit } : { limit, before });
    const shown = found.map((letter) => ({ letter, payload: payload ? payloadOf(deadLetters, letter) : undefined }));
    reporter.result(
      shown.map((one) => document(one.letter, one.payload)),
      () => {
        reporter.table(
          ['ID', 'SINCE', 'TOPIC', 'KEY', 'DESTINATION', 'ATTEMPTS', 'STATE', 'LAST ERROR'],
          found.map((one) => [
            one.id,
            new Date(one.deadAtMs).toISOString(),
            one.topic,
            one.key,
            one.destination,
            one.attempts,
            one.requested ?? (one.holds ? 'holds its key' : 'dead'),
            one.history.at(-1)?.error,
          ]),
          'There are no dead letters.',
        );
        if (payload) for (const one of shown) reporter.line(`${one.letter.id}: ${JSON.stringify(one.payload)}`);
        const last = found.at(-1);
        if (found.length === limit && last) reporter.note(`There may be more: --before ${last.id}`);
      },
    );
    return EXIT.done;
  });
}

function document(letter: DeadLetter, payload: unknown): unknown {
  const { payload: _bytes, createdAtMs, deadAtMs, history, ...rest } = letter;
  return {
    ...rest,
    createdAt: new Date(createdAtMs).toISOString(),
    deadAt: new Date(deadAtMs).toISOString(),
    history: history.map(({ atMs, ...attempt }) => ({ ...attempt, at: new Date(atMs).toISOString() })),
    ...(payload === undefined ? {} : { payload }),
  };
}

/** Bytes, and what a codec of the app's own has written, as base64. */
function payloadOf(deadLetters: OutboxOperator['deadLetters'], letter: DeadLetter): unknown {
  const base64 = { base64: Buffer.from(letter.payload).toString('base64') };
  try {
    const payload = deadLetters.payloadOf(letter);
    return payload instanceof Uint8Array ? base64 : payload;
  } catch {
    return base64;
  }
}

async function ask(context: Context, kind: 'requeue' | 'purge', options: RequestOptions): Promise<ExitCode> {
  const { reporter, terminal } = context;
  const selection = selectionOf(options);
  if (kind === 'purge') {
    const question = `Delete dead letters for good, ${describe(selection)}?`;
    await confirm(question, options.yes ?? false, terminal);
  }
  return context.withOperator(async (operator) => {
    reporter.progress(`Marking dead letters to ${kind}.`);
    const count = await operator.deadLetters[kind](selection);
    const outstanding = await waitUntilCarriedOut(context, operator, options.wait);
    const verb = { requeue: 'Requeued', purge: 'Purged' }[kind];
    reporter.result({ count, ...(outstanding === undefined ? {} : { outstanding }) }, () => {
      if (count === 0) reporter.line('No dead letter is like that.');
      else if (outstanding === 0) reporter.line(`${verb} ${plural(count, 'dead letter')}.`);
      else reporter.line(`Marked ${plural(count, 'dead letter')} to ${kind}. The relays carry it out.`);
      if (outstanding) reporter.line(`Of all requests, ${outstanding} are still to be carried out: does a relay run?`);
    });
    return outstanding ? EXIT.notWell : EXIT.done;
  });
}
