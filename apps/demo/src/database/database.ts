import { queueMigrations } from 'nestjs-turnpike/queue';
import { outboxMigrations } from 'nestjs-turnpike/outbox';
import type { DataSourceOptions } from 'typeorm';
import { Breakdown } from '../deliveries/breakdown.entity.js';
import { Delivery } from '../deliveries/delivery.entity.js';
import { OrderLine } from '../orders/order-line.entity.js';
import { Order } from '../orders/order.entity.js';
import { CountedSale } from '../revenue/counted-sale.entity.js';
import { Revenue } from '../revenue/revenue.entity.js';
import { CreateBreakdownTable1765000000000 } from './create-breakdown-table.migration.js';
import { CreateShopTables1764000000000 } from './create-shop-tables.migration.js';
import { Series } from './series.entity.js';

/** Connections to a server. SQLite has one. */
const POOL_SIZE = 20;

/**
 * TypeORM's options for a URL: `sqlite:<file>`, `postgres://…`, `mysql://…` or `mariadb://…`. The app and the TypeORM CLI
 * (ormconfig.ts) both take theirs from here.
 */
export function databaseOptions(url: string): DataSourceOptions {
  const schema = {
    entities: [Order, OrderLine, Delivery, Breakdown, CountedSale, Revenue, Series],
    migrations: [
      ...new Set([
        ...outboxMigrations,
        ...queueMigrations,
        CreateShopTables1764000000000,
        CreateBreakdownTable1765000000000,
      ]),
    ],
  };
  const scheme = url.slice(0, Math.max(url.indexOf(':'), 0));
  switch (scheme) {
    case 'sqlite':
      return { ...schema, type: 'better-sqlite3', database: url.slice('sqlite:'.length), enableWAL: true };
    case 'postgres':
    case 'postgresql':
      return { ...schema, type: 'postgres', url, poolSize: POOL_SIZE };
    case 'mysql':
    case 'mariadb':
      return { ...schema, type: scheme, url, poolSize: POOL_SIZE };
    default:
      // Not the URL itself: it may hold a password.
      throw new Error(
        `DATABASE_URL begins with ${JSON.stringify(scheme)}. Use sqlite:<file>, postgres://, mysql:// or mariadb://.`,
      );
  }
}

/** What the environment asks for; a SQLite file in the working directory when it asks for nothing. */
export function databaseUrl(): string {
  return process.env['DATABASE_URL'] || 'sqlite:demo.sqlite';
}
