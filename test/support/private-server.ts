import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.js';
import { freePort } from './free-port.js';

/** How a server is started on a port of loopback, with its data in a directory. */
const commands = {
  redis: (port: number, directory: string) =>
    `redis-server --bind 127.0.0.1 --port ${port} --dir ${directory} --save  --appendonly yes --appendfsync always`,
  nats: (port: number, directory: string) =>
    `nats-server --addr 127.0.0.1 --port ${port} --jetstream --store_dir ${directory}`,
  natsWithoutJetStream: (port: number) => `nats-server --addr 127.0.0.1 --port ${port}`,
} as const;

/** A server of one test's own, to be stopped and started: Debian's program, on a free port, with data that outlives a stop. */
export class PrivateServer {
  private child: ChildProcess | undefined;
  private readonly directory = mkdtempSync(join(tmpdir(), 'turnpike-server-'));

  private constructor(
    private readonly kind: keyof typeof commands,
    readonly port: number,
    private readonly settings: readonly string[],
  ) {}

  /** `settings` are further arguments of its command line. */
  static async start(kind: keyof typeof commands, settings: readonly string[] = []): Promise<PrivateServer> {
    const server = new PrivateServer(kind, await freePort(), settings);
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    const [program = '', ...args] = commands[this.kind](this.port, this.directory).split(' ');
    const child = spawn(program, [...args, ...this.settings], {
      stdio: 'ignore',
      env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` }, // where Debian keeps servers
    });
    this.child = child;
    await once(child, 'spawn');
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`);
      await accepts(this.port);
    });
  }

  /** Ends it as an operator would: with SIGTERM. */
  async stop(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (!child || child.exitCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }

  /** Ends it and deletes its data. */
  async close(): Promise<void> {
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

async function accepts(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.destroy();
}
