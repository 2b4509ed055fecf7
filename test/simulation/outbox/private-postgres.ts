import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadEmbeddedPostgres } from '../../support/load-embedded-postgres.js';
import { freePort } from '../../support/free-port.js';

/** A Postgres of one test's own, which writes down when each transaction committed: most servers do not. */
export async function startPostgres(): Promise<{ readonly url: string; stop(): Promise<void> }> {
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
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    createPostgresUser: process.getuid?.() === 0,
    // Processes crash here, not the machine: without fsync, commits are as quick as on a server's disk.
    postgresFlags: ['-c', 'track_commit_timestamp=on', '-c', 'max_connections=300', '-c', 'fsync=off'],
    onLog: (line) => log.push(line),
    onError: (line) => log.push(String(line)),
  });
  try {
    await server.initialise();
    await server.start();
  } catch (error) {
    throw new Error(`Postgres did not start: ${String(error)}\n${log.slice(-20).join('\n')}`, { cause: error });
  }
  return {
    url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`,
    stop: async () => {
      await server.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}
