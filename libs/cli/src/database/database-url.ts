import type { DataSourceOptions } from 'typeorm';
import { ConnectError } from '../cli.errors.js';

/** TypeORM's options for `sqlite:<file>`, `postgres://…`, `postgresql://…`, `mysql://…` or `mariadb://…`. */
export function optionsOfUrl(url: string): DataSourceOptions {
  const scheme = url.slice(0, Math.max(url.indexOf(':'), 0));
  switch (scheme) {
    case 'sqlite': {
      const database = url.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '');
      if (database === '') throw new ConnectError('DATABASE_URL names no file: write it as sqlite:<file>.');
      return { type: 'better-sqlite3', database, enableWAL: true };
    }
    case 'postgres':
    case 'postgresql':
      return { type: 'postgres', url };
    case 'mysql':
    case 'mariadb':
      return { type: scheme, url };
    default:
      // Not the URL itself: it may hold a password.
      throw new ConnectError(
        `DATABASE_URL begins with ${JSON.stringify(scheme)}. Use sqlite:<file>, postgres://, mysql:// or mariadb://.`,
      );
  }
}
