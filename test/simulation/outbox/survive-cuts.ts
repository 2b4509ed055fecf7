import type { EventEmitter } from 'node:events';
import type { DataSource } from 'typeorm';

/**
 * A connection to Postgres that is cut in the moment in which it was made ends the process: pg-pool has taken its listener
 * for errors off, and TypeORM's is not on yet. What is tested here are cuts, and not that.
 */
export function surviveCuts({ driver, options }: DataSource): void {
  if (options.type !== 'postgres') return;
  const { master } = driver as unknown as { readonly master: EventEmitter };
  master.on('connect', (client: EventEmitter) => client.on('error', () => undefined));
}
