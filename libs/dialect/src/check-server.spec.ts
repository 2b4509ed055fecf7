import { describe, expect, it } from 'vitest';
import { refuseOldServer } from './check-server.js';
import { UnsupportedDatabaseError } from './index.js';

describe('refuseOldServer', () => {
  it.each([
    ['postgres', 'PostgreSQL 15.0 (Debian 15.0-1)'],
    ['postgres', 'PostgreSQL 18.4 on x86_64-pc-linux-gnu'],
    ['mysql', '8.4.2'],
    ['mysql', '9.1.0'],
    ['mysql', '10.11.19-MariaDB-0+deb12u1'],
    ['mysql', '11.4.2-MariaDB'],
    ['sqlite', '3.50.1'],
  ] as const)('takes %s %s', (kind, version) => {
    expect(() => refuseOldServer(kind, version)).not.toThrow();
  });

  it.each([
    ['postgres', 'PostgreSQL 14.9', 'Postgres PostgreSQL 14.9'],
    ['mysql', '8.0.36', 'MySQL 8.0.36'],
    ['mysql', '10.6.16-MariaDB', 'MariaDB 10.6.16-MariaDB'],
    ['sqlite', '3.41.0', 'SQLite 3.41.0'],
    ['sqlite', '', 'SQLite'],
  ] as const)('refuses %s %s by name', (kind, version, named) => {
    expect(() => refuseOldServer(kind, version)).toThrow(UnsupportedDatabaseError);
    expect(() => refuseOldServer(kind, version)).toThrow(named);
  });
});
