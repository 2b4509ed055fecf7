import { type Clock } from 'nestjs-turnpike/timing';
import { ClaimLostError } from '../../queue.errors.js';
import { type BatchStore, type Claim } from '../batch-store.js';

export interface HoldingOptions {
  readonly name: string;
  readonly store: Pick<BatchStore, 'renew'>;
  readonly clock: Clock;
  readonly claimMs: number;
  readonly onInternalError: (error: Error) => void;
}

/** Given as a reason because an abort without one makes a DOMException, which takes longer than a short round. */
const SETTLED = new Error('The claim is settled.');

/**
 * A claim that is renewed at a third of its time, until `dispose`. `signal` aborts when the queue closes, and with a
 * `ClaimLostError` when the claim is over: another worker took its batches, or it could not be renewed in time.
 *
 * `claimedAtMs` must be read before the claim was asked for: by this clock the claim then never ends later than by the
 * store's.
 */
export class HeldClaim implements Disposable {
  private readonly over = new AbortController();
  private readonly renewing = new AbortController();

  constructor(
    readonly claim: Claim,
    claimedAtMs: number,
    private readonly closing: AbortSignal,
    private readonly options: HoldingOptions,
  ) {
    if (closing.aborted) this.closed();
    else closing.addEventListener('abort', this.closed, { once: true });
    void this.renew(claimedAtMs);
  }

  get signal(): AbortSignal {
    return this.over.signal;
  }

  [Symbol.dispose](): void {
    this.closing.removeEventListener('abort', this.closed);
    this.renewing.abort(SETTLED);
  }

  /** Closing does not end the renewal: `process` may take its time to stop. */
  private readonly closed = (): void => this.over.abort(this.closing.reason);

  private async renew(claimedAtMs: number): Promise<void> {
    const { clock, claimMs, store, name, onInternalError } = this.options;
    let endMs = claimedAtMs + claimMs;
    while (await this.sleep(Math.min(claimMs / 3, endMs - clock.monotonic()))) {
      const askedAtMs = clock.monotonic();
      if (askedAtMs >= endMs) return this.over.abort(new ClaimLostError(name));
      try {
        if (!(await store.renew(this.claim, claimMs))) {
          if (!this.renewing.signal.aborted) this.over.abort(new ClaimLostError(name));
          return;
        }
        endMs = askedAtMs + claimMs;
      } catch (error) {
        onInternalError(error as Error);
      }
    }
  }

  private async sleep(ms: number): Promise<boolean> {
    try {
      await this.options.clock.sleep(ms, this.renewing.signal);
      return true;
    } catch {
      return false;
    }
  }
}
