/** Base of everything that `queue` throws. */
export abstract class QueueError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The queue no longer takes what was asked of it. */
export class QueueClosedError extends QueueError {
  readonly code = 'TURNPIKE_QUEUE_CLOSED';

  constructor(queue: string, method: string) {
    super(
      `${method}() came after close() of the queue "${queue}". Close it last: in a Nest app the module does so in onModuleDestroy.`,
    );
  }
}

/** The store did not take a commit. The items stay in memory and are tried again: do not push them once more. */
export class QueueStoreError extends QueueError {
  readonly code = 'TURNPIKE_QUEUE_STORE';

  constructor(queue: string, items: number, final: boolean, cause: unknown) {
    const outcome = final
      ? 'The queue is closing, so they are lost.'
      : 'They stay in memory and are tried again with backoff: do not push them once more.';
    super(`The queue "${queue}" could not store ${items} items: ${reasonOf(cause)}. ${outcome}`, { cause });
  }
}

/** The codec could not encode one item, for instance JSON a bigint. The items around it are stored without it. */
export class ItemEncodingError extends QueueError {
  readonly code = 'TURNPIKE_QUEUE_ITEM_ENCODING';

  constructor(queue: string, codec: string, cause: unknown) {
    super(
      `The codec ${codec} of the queue "${queue}" could not encode an item, which is dropped: ${reasonOf(cause)}. ` +
        `Push what the codec can encode, or choose another codec.`,
      { cause },
    );
  }
}

/** `messagePack()` stands on msgpackr, which users of other codecs need not install. */
export class MsgpackrMissingError extends QueueError {
  readonly code = 'TURNPIKE_QUEUE_MSGPACKR_MISSING';

  constructor(cause: unknown) {
    super('The codec messagePack() needs msgpackr: npm install msgpackr', { cause });
  }
}

/** The store holds batches that another codec wrote. They stay as they are. */
export class CodecMismatchError extends QueueError {
  readonly code = 'TURNPIKE_QUEUE_CODEC_MISMATCH';

  constructor(queue: string, stored: string, configured: string) {
    super(
      `The queue "${queue}" holds batches written by the codec ${stored}, but is configured with ${configured}. ` +
        `Nothing was changed: process them with ${stored} first, then switch.`,
    );
  }
}

/** Another worker took the batches over because their claim had ended: they are processed again. */
export class ClaimLostError extends QueueError {
  readonly code = 'TURNPIKE_QUEUE_CLAIM_LOST';

  constructor(queue: string) {
    super(
      `The queue "${queue}" lost its claim on batches while it processed them, so they are processed again. ` +
        `The process stalled or lost its store for longer than claimMs: raise claimMs, or block the event loop less.`,
    );
  }
}

/** As part of a sentence. */
function reasonOf(cause: unknown): string {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return reason.replace(/\.$/, '');
}
