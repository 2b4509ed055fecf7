import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.js';
import { freePort } from './free-port.js';
import { pathOf } from './program.js';

export interface Pooler {
  /** A database of the server behind it, by way of it. */
  url(serverUrl: string): string;
  close(): Promise<void>;
}

/** A PgBouncer before the server of this URL, which gives a connection to another client after each transaction. */
export async function startPgBouncer(serverUrl: string): Promise<Pooler> {
  const { hostname, port: serverPort, username } = new URL(serverUrl);
  const directory = mkdtempSync(join(tmpdir(), 'turnpike-pgbouncer-'));
  chmodSync(directory, 0o755); // it refuses to run as root, and reads its settings as somebody else
  const port = await freePort();
  const settings = join(directory, 'pgbouncer.ini');
  writeFileSync(
    settings,
    `[databases]
* = host=${hostname} port=${serverPort || 5432} user=${username || 'postgres'}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 5
max_client_conn = 100
ignore_startup_parameters = extra_float_digits
`,
  );
  const asSomebody = process.getuid?.() === 0 ? ['--user', 'nobody'] : [];
  const child = spawn(await pathOf('pgbouncer'), ['--quiet', ...asSomebody, settings], { stdio: 'ignore' });
  await once(child, 'spawn');
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(`pgbouncer ended with ${child.exitCode}`);
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.destroy();
  });
  return {
    url: (database) => {
      const url = new URL(database);
      url.hostname = '127.0.0.1';
      url.port = String(port);
      return url.href;
    },
    close: async () => {
      child.kill('SIGINT');
      if (child.exitCode === null) await once(child, 'exit');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
