import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import {
  hear,
  tell,
  type FromCollector,
  type Given,
  type Result,
  type ToCollector,
  type Transaction,
  type Vitals,
} from './wire.js';

/** A message that a relay has delivered. */
export interface Arrival {
  readonly id: string;
  readonly key: string | undefined;
  readonly relay: string;
}

/** What becomes of a message; `exit`: its relay is to end in the middle of this call; a promise: the call waits for it. */
export type Decide = (message: Given, relay: string) => Result | 'exit' | Promise<Result>;

/**
 * Where the relays of all processes deliver to: one process, so that their deliveries have one order. It writes a message
 * down before it says that it has arrived, as a broker would.
 */
export class Collector {
  /** In the order in which they arrived, those that came again too. */
  readonly arrivals: Arrival[] = [];
  /** Every attempt, with what became of it. */
  readonly attempts: (Given & { readonly relay: string })[] = [];
  readonly transactions: Transaction[] = [];
  readonly vitals = new Map<string, Vitals>();
  private readonly sockets = new Map<string, Socket>();

  private constructor(
    private readonly server: Server,
    readonly port: number,
    public decide: Decide,
  ) {}

  static async listen(decide: Decide = () => null): Promise<Collector> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const collector = new Collector(server, (server.address() as AddressInfo).port, decide);
    server.on('connection', (socket) => collector.join(socket));
    return collector;
  }

  /** The processes that are connected. */
  get present(): readonly string[] {
    return [...this.sockets.keys()];
  }

  /** All that the process has sent has been heard: for one that has ended. */
  async left(name: string): Promise<void> {
    const socket = this.sockets.get(name);
    if (socket) await new Promise((resolve) => socket.once('close', resolve)); // also after an error
  }

  tellAll(names: readonly string[], message: FromCollector): void {
    for (const name of names) {
      const socket = this.sockets.get(name);
      if (socket) tell(socket, message);
    }
  }

  async close(): Promise<void> {
    for (const socket of this.sockets.values()) socket.destroy();
    this.server.close();
  }

  private join(socket: Socket): void {
    let name = '';
    socket.setNoDelay(true).on('error', () => undefined); // it was killed
    socket.on('close', () => {
      this.sockets.delete(name);
      this.vitals.delete(name);
    });
    hear(socket, (line) => {
      const heard = line as ToCollector;
      if (heard.kind === 'hello') this.sockets.set((name = heard.name), socket);
      else if (heard.kind === 'vitals') this.vitals.set(name, heard.vitals);
      else if (heard.kind === 'transaction') this.transactions.push(heard.transaction);
      else void this.take(socket, name, heard.call, heard.messages);
    });
  }

  private async take(socket: Socket, relay: string, call: number, messages: readonly Given[]): Promise<void> {
    const results: Result[] = [];
    const failed = new Set<string>();
    for (const message of messages) {
      this.attempts.push({ ...message, relay });
      const { id, key } = message;
      // Like a broker that keeps the order of a call: after one that failed, no later one of its key arrives.
      const decided = key !== undefined && failed.has(key) ? BEHIND : this.decide(message, relay);
      if (decided === 'exit') return tell(socket, { kind: 'exit' });
      const result = decided instanceof Promise ? await decided : decided;
      results.push(result);
      if (result === null) this.arrivals.push({ id, key, relay });
      else if (key !== undefined) failed.add(key);
    }
    tell(socket, { kind: 'results', call, results });
  }
}

const BEHIND: Result = { kind: 'retry', text: 'behind one that failed' };
