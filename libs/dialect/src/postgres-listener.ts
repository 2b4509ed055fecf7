import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { NotificationsUnheardError } from './dialect.errors.js';
import { dialectOf } from './dialect.js';

/** What we use of pg's Client and Pool. */
interface Client {
  connect(): Promise<unknown>;
  query(statement: string): Promise<unknown>;
  end(): Promise<void>;
  on(event: 'notification', listener: (message: { payload?: string }) => void): void;
  on(event: 'error' | 'end', listener: () => void): void;
}
interface Pool {
  readonly Client: new (options: object) => Client;
  readonly options: object;
}

const RECONNECT_MS = 1000;
/** How long it waits for its own notification, and how long until it tries again when that did not come. */
const HEARD_WITHIN_MS = 5000;
const DEAF_FOR_MS = 60_000;

/** What its own notifications begin with: other listeners of the channel hear them too. */
const ECHO = 'turnpike-echo ';

/**
 * Listens to a channel of Postgres, on a connection of its own beside the pool, until it is closed. Close it before the
 * DataSource. When the connection breaks, or cannot be made, it tries again every second.
 *
 * The listener gets the payload of each notification, and `undefined` whenever it has begun to listen, at first and
 * after a break: what was sent before is lost, so look for yourself. It has begun when a notification of its own has come
 * back: behind a connection pooler in transaction mode (PgBouncer) LISTEN succeeds, and nothing is ever heard. Use
 * notifications to be sooner, never to be told at all.
 */
export class PostgresListener {
  private readonly closed = new AbortController();
  private readonly running: Promise<void>;
  private client: Client | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly channel: string,
    private readonly listener: (payload: string | undefined) => void,
    /** Until it listens again, nothing is heard. `unheard`: not because of the connection. */
    private readonly onBroken: (unheard?: NotificationsUnheardError) => void = () => undefined,
  ) {
    this.running = this.run();
  }

  async close(): Promise<void> {
    this.closed.abort();
    await this.client?.end().catch(() => undefined);
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.closed;
    while (!signal.aborted) {
      const ended: unknown = await this.session().catch((error: unknown) => error);
      const unheard = ended instanceof NotificationsUnheardError ? ended : undefined;
      if (!signal.aborted) this.onBroken(unheard);
      await sleep(unheard ? DEAF_FOR_MS : RECONNECT_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Listens until the connection ends. Rejects when there is none, or nothing is heard on it. */
  private async session(): Promise<void> {
    const { Client, options } = (this.dataSource.driver as unknown as { master: Pool }).master;
    const client = new Client(options);
    // An 'error' without a listener would end the process; the 'end' that follows it is what counts.
    client.on('error', () => undefined);
    const ended = new Promise<void>((resolve) => client.on('end', resolve));
    await client.connect();
    // Not sooner: `end` during `connect` would never return.
    this.client = client;
    if (this.closed.signal.aborted) return client.end();
    const echo = ECHO + randomUUID();
    let unheard = false;
    let limit: NodeJS.Timeout | undefined;
    client.on('notification', ({ payload = '' }) => {
      if (payload === echo) {
        clearTimeout(limit);
        this.listener(undefined);
      } else if (!payload.startsWith(ECHO)) this.listener(payload);
    });
    try {
      await client.query(`listen ${dialectOf(this.dataSource).quote(this.channel)}`);
      limit = setTimeout(() => {
        unheard = true;
        void client.end();
      }, HEARD_WITHIN_MS);
      // Not on the same connection: that would be heard also where it is given to another client between transactions.
      await this.dataSource.query('select pg_notify($1, $2)', [this.channel, echo]);
      await ended;
    } finally {
      clearTimeout(limit);
      await client.end();
    }
    if (unheard) throw new NotificationsUnheardError(this.channel);
  }
}
