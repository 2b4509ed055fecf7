import { PostgresListener } from 'nestjs-turnpike/dialect';
import type { Committed } from './core/transaction-entries.js';
import type { OutboxRelay } from './core/relay.js';
import { channelOf, Notices, parseNotice } from './notices.js';
import type { OutboxDb } from './typeorm/outbox-db.js';

export type WakeUpKind = 'commit' | 'notification' | 'reconnect';

export interface WakeUpsOptions {
  readonly db: OutboxDb;
  readonly relay: OutboxRelay;
  /** How long an idle relay waits where wake-ups work. */
  readonly processIntervalMs: number;
  readonly onWake: (kind: WakeUpKind) => void;
  readonly onError: (error: unknown) => void;
  /** Notifications cannot arrive here. */
  readonly onUnheard: (error: Error) => void;
}

/** How long an idle relay waits at most where processes cannot tell each other. */
const SHORT_POLL_MS = 500;

/**
 * Tells relays what has been committed: the one of this process at once, those of others by a notice after the commit,
 * never in the caller's transaction.
 *
 * A notification is a hint, and may be lost: `pollMs` says how soon relays must look by themselves.
 */
export class WakeUps {
  private readonly notices: Notices;
  private listener: PostgresListener | undefined;
  private listening = false;

  constructor(private readonly o: WakeUpsOptions) {
    this.notices = new Notices(o.db, o.onError);
  }

  /** Whether other processes' commits are heard of at once. */
  get connected(): boolean {
    return this.listening;
  }

  get pollMs(): number {
    const { processIntervalMs } = this.o;
    return this.listening ? processIntervalMs : Math.min(processIntervalMs, SHORT_POLL_MS);
  }

  /** Must not throw: the commit has happened. */
  committed({ shards, delayed }: Committed): void {
    const { relay, onWake } = this.o;
    const own = shards.filter((shard) => relay.owns(shard));
    if (own.length > 0 || delayed) {
      onWake('commit');
      relay.wake(own, delayed);
    }
    if (own.length < shards.length || delayed)
      this.notices.tell(
        shards.filter((shard) => !relay.owns(shard)),
        delayed,
      );
  }

  /** Operators have asked for something in these shards. */
  requested(shards: readonly number[]): void {
    this.o.relay.wake(shards, true);
    this.notices.tell(shards, true);
  }

  listen(): void {
    if (this.o.db.dialect.kind !== 'postgres') return;
    this.listener ??= new PostgresListener(
      this.o.db.dataSource,
      channelOf(this.o.db),
      (payload) => this.heard(payload),
      (unheard) => {
        this.listening = false;
        if (unheard) this.o.onUnheard(unheard);
      },
    );
  }

  async close(): Promise<void> {
    this.listening = false;
    await this.listener?.close();
    await this.notices.told();
  }

  private heard(payload: string | undefined): void {
    this.listening = true;
    if (payload === undefined) {
      this.o.onWake('reconnect');
      return this.o.relay.wake(); // what was sent before is lost
    }
    const { shards, look } = parseNotice(payload);
    const own = shards.filter((shard) => this.o.relay.owns(shard));
    if (own.length === 0 && !look) return;
    this.o.onWake('notification');
    this.o.relay.wake(own, look);
  }
}
