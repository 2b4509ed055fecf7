import type { Socket } from 'node:net';
import type { DataSourceOptions } from 'typeorm';

/** What the test tells a process, as JSON. */
export interface ProcessOptions {
  readonly name: string;
  /** The collector's. */
  readonly port: number;
  readonly database: DataSourceOptions;
}

export interface RelaySettings {
  readonly claimDurationMs: number;
  readonly ordered?: boolean;
  readonly batchSize?: number;
  readonly maxInFlight?: number;
  readonly publishTimeoutMs?: number;
  /** The destinations that it has publishers for. Default: one. */
  readonly destinations?: readonly string[];
  /** Attempts of a message, 0: without end; and the ms between them. */
  readonly retry: readonly [attempts: number, intervalMs: number];
  readonly deadLetter?: 'hold' | 'continue';
}

export interface ProducerSettings {
  readonly keys: number;
  /** How many transactions it has open at a time. */
  readonly overlapping: number;
}

/** A message as a publisher gives it to the collector. */
export interface Given {
  readonly id: string;
  readonly key: string | undefined;
  readonly attempt: number;
}

/** Null: it has arrived. */
export type Result = null | { readonly kind: 'retry' | 'never' | 'unavailable'; readonly text: string };

export interface Vitals {
  readonly shards: number;
  /** Shards that it has had from owners whose leases ended, since its start. */
  readonly takenOver: number;
  readonly heldKeys: number;
  readonly foundLate: number;
  readonly deadLettered: number;
  readonly rssBytes: number;
}

/** A transaction of a producer, with the times of its COMMIT by the machine's monotonic clock, in ns. */
export interface Transaction {
  readonly tx: string;
  readonly calledNs: string;
  /** Undefined: its answer never came. */
  readonly returnedNs: string | undefined;
  readonly messages: readonly { readonly id: string; readonly key: string }[];
}

export type ToCollector =
  | { readonly kind: 'hello'; readonly name: string }
  | { readonly kind: 'publish'; readonly call: number; readonly messages: readonly Given[] }
  | { readonly kind: 'vitals'; readonly vitals: Vitals }
  | { readonly kind: 'transaction'; readonly transaction: Transaction };

export type FromCollector =
  | { readonly kind: 'results'; readonly call: number; readonly results: readonly Result[] }
  /** The process is to end at once, in the middle of its call. */
  | { readonly kind: 'exit' }
  | { readonly kind: 'stop' };

/** One JSON value a line. */
export function tell(socket: Socket, value: ToCollector | FromCollector): void {
  socket.write(`${JSON.stringify(value)}\n`);
}

export function hear(socket: Socket, listener: (value: unknown) => void): void {
  let rest = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) listener(JSON.parse(line));
  });
}
