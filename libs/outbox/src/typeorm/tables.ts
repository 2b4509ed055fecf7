/** The outbox's tables, and the one of `checkpoint` whose epochs fence its writes. */
export const TABLES = {
  entry: 'turnpike_outbox_entry',
  parked: 'turnpike_outbox_parked',
  shard: 'turnpike_outbox_shard',
  inbox: 'turnpike_inbox',
  checkpoint: 'turnpike_checkpoint',
} as const;

/** The checkpoint stream whose partitions are the shards. */
export const STREAM = 'outbox';

export const DEFAULT_SHARDS = 64;
