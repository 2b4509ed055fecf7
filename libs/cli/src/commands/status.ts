import { Command, Option } from 'commander';
import { OutboxOperator, OutboxSchemaError, type Backlog, type Pause, type ShardOwner } from 'nestjs-turnpike/outbox';
import type { DataSource } from 'typeorm';
import type { Context } from '../context.js';
import { formatDuration, parseDurationMs } from '../duration.js';
import { EXIT, type ExitCode } from '../core/exit-codes.js';
import { formatCount } from '../core/plural.js';
import type { Reporter } from '../output/reporter.js';
import type { Perform } from '../action.js';

/** Counting goes no further. */
const HELD_AT_MOST = 1000;

interface Options {
  readonly maxLag: number;
}

/** What the statements say, and what is wrong with it. */
interface Status {
  readonly ok: boolean;
  readonly problems: readonly Problem[];
  readonly tablePrefix: string;
  readonly shards?: number;
  readonly backlog?: Backlog;
  readonly maxLagMs: number;
  readonly heldKeys?: number;
  readonly pauses?: readonly { readonly destination: string | null; readonly since: string }[];
  readonly relays?: readonly { readonly processId: string; readonly shards: number }[];
}

interface Problem {
  readonly kind: 'schema' | 'lag';
  readonly message: string;
}

export function statusCommand(perform: Perform): Command {
  return new Command('status')
    .description('what is stored, and who relays it; 1 when the schema is behind or the lag over its limit')
    .addOption(
      new Option('--max-lag <duration>', 'how old the oldest message to be sent may be')
        .argParser(parseDurationMs)
        .default(300_000, '5m'),
    )
    .action((options: Options) => perform((context) => status(context, options.maxLag)));
}

function status(context: Context, maxLagMs: number): Promise<ExitCode> {
  const { tablePrefix, reporter } = context;
  return context.withDataSource(async (dataSource) => {
    const found = await context.unlessInterrupted(look(dataSource, tablePrefix, maxLagMs));
    reporter.result(found, () => print(found, reporter));
    return found.ok ? EXIT.done : EXIT.notWell;
  });
}

async function look(dataSource: DataSource, tablePrefix: string, maxLagMs: number): Promise<Status> {
  let operator: OutboxOperator;
  try {
    operator = await OutboxOperator.open(dataSource, { tablePrefix });
  } catch (error) {
    if (!(error instanceof OutboxSchemaError)) throw error;
    return { ok: false, problems: [{ kind: 'schema', message: error.message }], tablePrefix, maxLagMs };
  }
  const [backlog, held, pauses, owners] = await Promise.all([
    operator.backlog(),
    operator.heldKeys.list({ limit: HELD_AT_MOST }),
    operator.pauses.list(),
    operator.owners(),
  ]);
  const problems = backlog.oldestAgeMs > maxLagMs ? [lagging(backlog.oldestAgeMs, maxLagMs)] : [];
  return {
    ok: problems.length === 0,
    problems,
    tablePrefix,
    shards: operator.shards,
    backlog,
    maxLagMs,
    heldKeys: held.length,
    pauses: pauses.map(shown),
    relays: perProcess(owners),
  };
}

function lagging(ageMs: number, maxLagMs: number): Problem {
  return {
    kind: 'lag',
    message:
      `The oldest message to be sent has waited ${formatDuration(ageMs)}, more than ${formatDuration(maxLagMs)}. ` +
      `Does a relay run, and does it take what its destinations are given?`,
  };
}

function shown({
  destination = null,
  sinceMs,
}: {
  readonly destination?: Pause['destination'] | null;
  sinceMs: number;
}) {
  return { destination, since: new Date(sinceMs).toISOString() };
}

function perProcess(owners: readonly ShardOwner[]): { readonly processId: string; readonly shards: number }[] {
  const counts = new Map<string, number>();
  for (const { processId } of owners) counts.set(processId, (counts.get(processId) ?? 0) + 1);
  return [...counts].map(([processId, shards]) => ({ processId, shards }));
}

function print(found: Status, reporter: Reporter): void {
  const { backlog, shards, heldKeys = 0, pauses = [], relays = [] } = found;
  if (backlog && shards !== undefined) {
    const facts: [string, string][] = [
      ['tables', `${found.tablePrefix}*, up to date, ${shards} shards`],
      ['to be sent', formatCount(backlog.pending)],
      ['oldest', backlog.pending === 0 ? '-' : formatDuration(backlog.oldestAgeMs)],
      ['waiting', formatCount(backlog.parked)],
      ['held keys', `${formatCount(heldKeys)}${heldKeys === HELD_AT_MOST ? ' or more' : ''}`],
      ['dead letters', formatCount(backlog.deadLetters)],
    ];
    for (const { destination, since } of pauses) facts.push(['paused', `${destination ?? 'all'} since ${since}`]);
    for (const [name, value] of facts) reporter.line(`${name.padEnd(12)}  ${value}`);
    reporter.line();
    reporter.table(
      ['RELAY', 'SHARDS'],
      relays.map(({ processId, shards: theirs }) => [processId, theirs]),
      'No process relays.',
    );
  }
  for (const { message } of found.problems) reporter.note(`Not well: ${message}`);
}
