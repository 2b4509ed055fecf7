import { execute } from 'nestjs-turnpike/dialect';
import type { OutboxDb } from './typeorm/outbox-db.js';

/** What a notification asks for: `shards`, which have something new, and `look`, at what is due and what operators ask for. */
export interface Notice {
  readonly shards: readonly number[];
  readonly look: boolean;
}

export function channelOf({ tables }: OutboxDb): string {
  return `${tables.prefix}outbox`;
}

export function parseNotice(payload: string): Notice {
  const [shards = '', look = ''] = payload.split(';');
  return { shards: shards.split(',').filter(Boolean).map(Number), look: look !== '' };
}

/**
 * Tells the relays of other processes by NOTIFY on Postgres, on a connection of the pool. While one notification is on its
 * way, the next gathers what comes meanwhile. Elsewhere nobody can be told, and relays poll.
 */
export class Notices {
  private shards = new Set<number>();
  private look = false;
  private telling: Promise<void> | undefined;

  constructor(
    private readonly db: OutboxDb,
    private readonly onError: (error: unknown) => void,
  ) {}

  tell(shards: readonly number[], look: boolean): void {
    if (this.db.dialect.kind !== 'postgres') return;
    for (const shard of shards) this.shards.add(shard);
    this.look ||= look;
    this.telling ??= this.tellAll();
  }

  /** Resolves when all that was told is on its way. */
  async told(): Promise<void> {
    await this.telling;
  }

  private async tellAll(): Promise<void> {
    await Promise.resolve(); // commits of the same turn share a notification
    while (this.shards.size > 0 || this.look) {
      const payload = `${[...this.shards].join(',')};${this.look ? 'look' : ''}`;
      this.shards = new Set();
      this.look = false;
      try {
        await execute(this.db.dataSource, 'select pg_notify($1, $2)', [channelOf(this.db), payload]);
      } catch (error) {
        this.onError(error); // relays poll, too
      }
    }
    this.telling = undefined;
  }
}
