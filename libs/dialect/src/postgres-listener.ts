import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
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

/**
 * Listens to a channel of Postgres, on a connection of its own beside the pool, until it is closed. Close it before the
 * DataSource. When the connection breaks, or cannot be made, it tries again every second.
 *
 * The listener gets the payload of each notification, and `undefined` whenever it has begun to listen, at first and
 * after a break: what was sent before is lost, so look for yourself. Notifications do not pass a connection pooler in
 * transaction mode (PgBouncer): use them to be sooner, never to be told at all.
 */
export class PostgresListener {
  private readonly closed = new AbortController();
  private readonly running: Promise<void>;
  private client: Client | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly channel: string,
    private readonly listener: (payload: string | undefined) => void,
    /** Until it listens again, nothing is heard. */
    private readonly onBroken: () => void = () => undefined,
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
      await this.session().catch(() => undefined);
      this.onBroken();
      await sleep(RECONNECT_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Listens until the connection ends. Rejects when there is none. */
  private async session(): Promise<void> {
    const { Client, options } = (this.dataSource.driver as unknown as { master: Pool }).master;
    const client = new Client(options);
    // An 'error' without a listener would end the process; the 'end' that follows it is what counts.
    client.on('error', () => undefined);
    const ended = new Promise<void>((resolve) => client.on('end', resolve));
    client.on('notification', ({ payload = '' }) => this.listener(payload));
    await client.connect();
    // Not sooner: `end` during `connect` would never return.
    this.client = client;
    if (this.closed.signal.aborted) return client.end();
    await client.query(`listen ${dialectOf(this.dataSource).quote(this.channel)}`);
    this.listener(undefined);
    return ended;
  }
}
