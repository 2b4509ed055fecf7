import { checkTablePrefix, DEFAULT_TABLE_PREFIX } from 'nestjs-turnpike/dialect';

/** The names of an outbox's tables, and of the one of `checkpoint` whose epochs fence its writes. */
export interface OutboxTables {
  readonly prefix: string;
  readonly entry: string;
  readonly parked: string;
  readonly deadLetter: string;
  readonly shard: string;
  readonly pause: string;
  readonly inbox: string;
  readonly checkpoint: string;
  /** On Postgres, the function that writes entries. */
  readonly write: string;
}

export function outboxTables(prefix = DEFAULT_TABLE_PREFIX): OutboxTables {
  checkTablePrefix(prefix);
  return {
    prefix,
    entry: `${prefix}outbox_entry`,
    parked: `${prefix}outbox_parked`,
    deadLetter: `${prefix}dead_letter`,
    shard: `${prefix}outbox_shard`,
    pause: `${prefix}outbox_pause`,
    inbox: `${prefix}inbox`,
    checkpoint: `${prefix}checkpoint`,
    write: `${prefix}outbox_write`,
  };
}

/** The checkpoint stream whose partitions are the shards. */
export const STREAM = 'outbox';

export const DEFAULT_SHARDS = 64;
