import { InvalidArgumentError, type Command } from 'commander';
import type { DeadLetterFilter } from 'nestjs-turnpike/outbox';
import { UsageError } from '../cli.errors.js';

export interface FilterOptions {
  readonly id?: readonly bigint[];
  readonly topic?: string;
  readonly key?: string;
  readonly destination?: string;
  readonly namespace?: string;
}

export interface SelectionOptions extends FilterOptions {
  readonly all?: boolean;
}

/** Which dead letters: all that is given must hold. */
export function withFilter(command: Command): Command {
  return command
    .option('--id <id>', 'with this id; may be repeated', (text: string, before: readonly bigint[] | undefined) => [
      ...(before ?? []),
      parseId(text),
    ])
    .option('--topic <topic>', 'of this topic')
    .option('--key <key>', 'of this key')
    .option('--destination <name>', 'for this destination')
    .option('--namespace <name>', 'of this namespace');
}

export function parseId(text: string): bigint {
  if (!/^-?\d{1,19}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, as `list` prints it.');
  return BigInt(text);
}

export function filterOf({ id, topic, key, destination, namespace }: FilterOptions): DeadLetterFilter {
  return {
    ...(id === undefined ? {} : { ids: id }),
    ...(topic === undefined ? {} : { topic }),
    ...(key === undefined ? {} : { key }),
    ...(destination === undefined ? {} : { destination }),
    ...(namespace === undefined ? {} : { namespace }),
  };
}

/** As `filterOf`, but nothing is not everything: that takes `--all`. */
export function selectionOf(options: SelectionOptions): DeadLetterFilter | { readonly all: true } {
  const filter = filterOf(options);
  const empty = Object.keys(filter).length === 0;
  if (options.all && !empty) throw new UsageError('--all means all of them: leave the other conditions out.');
  if (options.all) return { all: true };
  if (empty) throw new UsageError('Say which: --id, --topic, --key, --destination or --namespace, or --all.');
  return filter;
}

/** For questions: `with topic "a" and key "b"`. */
export function describe(selection: DeadLetterFilter | { readonly all: true }): string {
  if ('all' in selection) return 'all of them';
  const { ids, ...rest } = selection;
  const parts = Object.entries(rest).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  return `those with ${[...(ids ? [`id ${ids.join(' or ')}`] : []), ...parts].join(' and ')}`;
}
