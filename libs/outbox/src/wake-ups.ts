import { execute, PostgresListener } from 'nestjs-turnpike/dialect';
import type { Committed } from './core/transaction-entries.js';
import type { OutboxRelay } from './core/relay.js';
import type { OutboxDb } from './typeorm/outbox-db.js';

export type WakeUpKind = 'commit' | 'notification' | 'reconnect';

export interface WakeUpsOptions {
  readonly db: OutboxDb;
  readonly relay: OutboxRelay;
  /** How long an idle relay waits where wake-ups work. */
  readonly processIntervalMs: number;
  readonly onWake: (kind: WakeUpKind) => void;
  readonly onError: (error: unknown) => void;
}

/** How long an idle relay waits at most where processes cannot tell each other. */
const SHORT_POLL_MS = 500;

/**
 * Tells relays what has been committed: the one of this process at once, those of others by NOTIFY on Postgres, on a
 * connection of the pool after the commit, never in the caller's transaction. While one notification is on its way, the
 * next gathers all that is committed meanwhile.
 *
 * A notification is a hint, and may be lost: `pollMs` says how soon relays must look by themselves.
 */
export class WakeUps {
  private readonly channel: string;
  private listener: PostgresListener | undefined;
  private listening = false;
  private toTell = new Set<number>();
  private lookToo = false;
  private telling: Promise<void> | undefined;

  constructor(private readonly o: WakeUpsOptions) {
    this.channel = `${o.db.tables.prefix}outbox`;
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
      this.tell(
        shards.filter((shard) => !relay.owns(shard)),
        delayed,
      );
  }

  /** Operators have asked for something in these shards. */
  requested(shards: readonly number[]): void {
    this.o.relay.wake(shards, true);
    this.tell(shards, true);
  }

  listen(): void {
    if (this.o.db.dialect.kind !== 'postgres') return;
    this.listener ??= new PostgresListener(
      this.o.db.dataSource,
      this.channel,
      (payload) => this.heard(payload),
      () => (this.listening = false),
    );
  }

  async close(): Promise<void> {
    this.listening = false;
    await this.listener?.close();
    await this.telling;
  }

  private heard(payload: string | undefined): void {
    this.listening = true;
    if (payload === undefined) {
      this.o.onWake('reconnect');
      return this.o.relay.wake(); // what was sent before is lost
    }
    const [shards = '', look = ''] = payload.split(';');
    const own = shards
      .split(',')
      .filter(Boolean)
      .map(Number)
      .filter((shard) => this.o.relay.owns(shard));
    if (own.length === 0 && look === '') return;
    this.o.onWake('notification');
    this.o.relay.wake(own, look !== '');
  }

  private tell(shards: readonly number[], look: boolean): void {
    if (this.o.db.dialect.kind !== 'postgres') return;
    for (const shard of shards) this.toTell.add(shard);
    this.lookToo ||= look;
    this.telling ??= this.tellAll();
  }

  private async tellAll(): Promise<void> {
    await Promise.resolve(); // commits of the same turn share a notification
    while (this.toTell.size > 0 || this.lookToo) {
      const payload = `${[...this.toTell].join(',')};${this.lookToo ? 'look' : ''}`;
      this.toTell = new Set();
      this.lookToo = false;
      try {
        await execute(this.o.db.dataSource, 'select pg_notify($1, $2)', [this.channel, payload]);
      } catch (error) {
        this.o.onError(error); // relays poll, too
      }
    }
    this.telling = undefined;
  }
}
