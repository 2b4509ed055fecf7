import { exponential } from 'nestjs-turnpike/timing';
import { ClaimLostError, CodecMismatchError } from '../../queue.errors.js';
import { type BatchStore, type Claim, type Replacement } from '../batch-store.js';
import { type Buffer } from '../buffer/buffer.js';
import { type Codec } from '../codec/codec.js';
import { type Bell } from './bell.js';
import { HeldClaim } from './held-claim.js';
import { type Isolated } from './isolate.js';
import { LoopTurns } from './loop-turns.js';
import { processItems, type Outcome, type ProcessingOptions } from './process-items.js';

export interface WorkerOptions<Item> extends ProcessingOptions<Item> {
  readonly name: string;
  readonly batches: number;
  readonly claimMs: number;
  readonly pollIntervalMs: number;
  readonly buffer: Buffer<Item>;
  readonly codec: Codec<Item>;
  readonly store: BatchStore;
  readonly bell: Bell;
  readonly closing: AbortSignal;
  readonly onInternalError: (error: Error) => void;
}

/** `failing`: the last round failed for a reason other than `process`; it is tried again with backoff. */
export type WorkerState = 'idle' | 'working' | 'failing' | 'stopped';

/** Batches that are due but that another process is taking this moment must not be looked for in a tight loop. */
const MIN_IDLE_MS = 5;

/**
 * Claims batches, oldest first, and processes their items while it holds the claim; then deletes the batches, gives
 * them back, or replaces them.
 *
 * What it guarantees: an item is processed at least once. A batch is deleted only after `process` succeeded with all of
 * it, and at any time at most one claim is valid on it. It does not guarantee once: after a crash or a lost claim the
 * whole batch comes again, and so it does when the deletion itself fails.
 */
export class Worker<Item> {
  private readonly buffer: Buffer<Item>;
  private readonly codec: Codec<Item>;
  private current: WorkerState = 'idle';

  constructor(private readonly options: WorkerOptions<Item>) {
    this.buffer = options.buffer.derive();
    this.codec = options.codec.derive();
  }

  get state(): WorkerState {
    return this.current;
  }

  /** Rounds until the queue closes. Never rejects. */
  async run(): Promise<void> {
    const { closing, bell, clock, onInternalError } = this.options;
    const newBackoff = () => exponential(0, 100, 30_000).derive({ clock });
    let backoff = newBackoff();
    const turns = new LoopTurns(clock);
    while (await backoff.attempt(closing)) {
      try {
        const rung = bell.rung;
        if (await this.round()) await turns.next();
        else await this.idle(rung);
        this.current = 'idle';
        backoff = newBackoff();
      } catch (error) {
        this.current = 'failing';
        onInternalError(error as Error);
      }
    }
    this.current = 'stopped';
  }

  /** Claims what is available, processes it and settles it. False: nothing was available. */
  async round(): Promise<boolean> {
    const { store, batches, claimMs, clock, bell, closing } = this.options;
    const claimedAtMs = clock.monotonic();
    const claim = await store.claim(batches, claimMs);
    if (!claim) return false;
    bell.ring();
    this.current = 'working';
    using held = new HeldClaim(claim, claimedAtMs, closing, this.options);
    try {
      this.decode(claim);
      const outcome = await processItems(this.buffer, held.signal, this.options);
      await this.settle(claim, outcome, held.signal);
    } finally {
      this.buffer.reset();
    }
    return true;
  }

  private async idle(rung: number): Promise<void> {
    const { store, bell, pollIntervalMs } = this.options;
    const dueInMs = await store.nextDueInMs();
    this.current = 'idle';
    const ringInMs = store.shared ? Math.min(dueInMs ?? Infinity, pollIntervalMs) : dueInMs;
    if (ringInMs !== undefined) bell.ringIn(Math.max(ringInMs, MIN_IDLE_MS));
    await bell.wait(rung);
  }

  private decode(claim: Claim): void {
    for (const { codec, data } of claim.batches) {
      if (codec !== this.codec.name) throw new CodecMismatchError(this.options.name, codec, this.codec.name);
      this.codec.decode(data, (item) => this.buffer.push(item));
    }
  }

  /** A store that fails for a moment must not make processed items come again: tried until the claim is over. */
  private async settle(claim: Claim, outcome: Outcome<Item>, signal: AbortSignal): Promise<void> {
    const { bell, clock, name, onInternalError } = this.options;
    const backoff = exponential(0, 50, 5_000).derive({ clock });
    for (await backoff.attempt(); ;) {
      try {
        if (!(await this.write(claim, outcome))) onInternalError(new ClaimLostError(name));
        if (outcome.kind !== 'processed') bell.ring();
        return;
      } catch (error) {
        if (!(await backoff.attempt(signal))) throw error;
        this.current = 'failing';
        onInternalError(error as Error);
      }
    }
  }

  private write(claim: Claim, outcome: Outcome<Item>): Promise<boolean> {
    const { store } = this.options;
    switch (outcome.kind) {
      case 'processed':
        return store.complete(claim);
      case 'returned':
        return store.release(claim, outcome.cooldownMs);
      case 'isolated':
        return store.replace(claim, this.replacementOf(outcome));
      default:
        return assertNever(outcome);
    }
  }

  private replacementOf({ poisoned, rest }: Isolated<Item>): Replacement {
    const { codec } = this;
    return {
      rest: rest.length > 0 ? [{ codec: codec.name, items: rest.length, data: codec.encode(rest) }] : [],
      deadLetters: poisoned.map(({ item, error }) => ({
        codec: codec.name,
        data: codec.encode([item]),
        error: error instanceof Error ? error.message : String(error),
      })),
    };
  }
}

function assertNever(outcome: never): never {
  throw new Error(`No such outcome: ${String(outcome)}`);
}
