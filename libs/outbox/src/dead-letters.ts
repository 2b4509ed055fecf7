import { OutboxError } from './outbox.errors.js';
import { decodePayload, type PayloadCodec } from './core/payload-codec.js';
import type { DeadLetter, DeadLetterFilter, HeldKeyInfo, OutboxOperations } from './core/outbox-operations.js';
import type { OrderKey } from './core/message.js';

type Requested = (shards: readonly number[]) => void;

export interface ListOptions {
  /** Default: 100. */
  readonly limit?: number;
  /** For the next page: those before this id. */
  readonly before?: bigint;
}

/** A filter that would match every dead letter was given where that is dangerous. */
export class EmptyFilterError extends OutboxError {
  readonly code = 'TURNPIKE_EMPTY_FILTER';

  constructor(method: string) {
    super(`${method} was given no condition, which would match all dead letters. Pass { all: true } if that is meant.`);
  }
}

/** Which dead letters: all conditions must hold. `all: true` in place of any. */
export type DeadLetterSelection = DeadLetterFilter | { readonly all: true };

/**
 * Messages that were given up: their attempts are used up, or the publisher will never take them. They stay, with their
 * history, until they are requeued or purged. By default the later messages of their key wait for that.
 *
 * May be called in any process: requeue and purge mark the dead letter, and the relay that owns its shard carries it out,
 * soon after.
 */
export class DeadLetters {
  constructor(
    private readonly operations: OutboxOperations,
    private readonly codec: PayloadCodec | undefined,
    private readonly requested: Requested,
  ) {}

  /** The newest first. */
  list(filter: DeadLetterFilter = {}, { limit = 100, before }: ListOptions = {}): Promise<DeadLetter[]> {
    return this.operations.deadLetters(filter, limit, before);
  }

  async get(id: bigint): Promise<DeadLetter | undefined> {
    return (await this.operations.deadLetters({ ids: [id] }, 1))[0];
  }

  /** The value that was published, or the bytes. */
  payloadOf({ payload, contentType }: DeadLetter): unknown {
    return decodePayload(payload, contentType, this.codec);
  }

  /** Sends them again, with their ids, before what waits behind them; their attempts are counted anew. Gives how many. */
  requeue(selection: DeadLetterSelection): Promise<number> {
    return this.request('requeue', selection);
  }

  /** Deletes them; what waits behind them goes on. Gives how many. */
  purge(selection: DeadLetterSelection): Promise<number> {
    return this.request('purge', selection);
  }

  private async request(kind: 'requeue' | 'purge', selection: DeadLetterSelection): Promise<number> {
    const filter = 'all' in selection ? {} : selection;
    const conditions = Object.values(filter).filter((value) => value !== undefined);
    if (conditions.length === 0 && !('all' in selection)) throw new EmptyFilterError(`DeadLetters.${kind}()`);
    const { count, shards } = await this.operations.request(kind, filter);
    if (count > 0) this.requested(shards);
    return count;
  }
}

/** Keys whose messages wait: for a message that is being retried, or for a dead letter. May be called in any process. */
export class HeldKeyList {
  constructor(
    private readonly operations: OutboxOperations,
    private readonly requested: Requested,
  ) {}

  list({ limit = 100 }: Pick<ListOptions, 'limit'> = {}): Promise<HeldKeyInfo[]> {
    return this.operations.listHeldKeys(limit);
  }

  /**
   * Lets the key's later messages go on without the one that they wait for, which becomes a dead letter if it is none yet.
   * False: the key is not held.
   */
  async release(key: OrderKey): Promise<boolean> {
    const { shards } = await this.operations.release(key);
    if (shards.length > 0) this.requested(shards);
    return shards.length > 0;
  }
}
