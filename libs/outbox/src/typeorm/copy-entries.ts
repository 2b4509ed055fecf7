import type { DataSource } from 'typeorm';
import type { StoredEntry } from '../core/message.js';
import { toHeaders } from './columns.js';

/** What we use of pg's Client and of its Connection. The native client has no `connection`. */
interface PgClient {
  readonly connection?: object;
  query(query: CopyOut): void;
}

/**
 * The entries that a `select` of `entryColumns` gives, by COPY in its binary format; undefined: this client cannot. As rows of
 * a result, an entry took three times as long: the driver makes a text of each value, the payload's in hexadecimal.
 *
 * COPY takes no parameters: `select` holds its values.
 */
export async function copyEntries(dataSource: DataSource, select: string): Promise<StoredEntry[] | undefined> {
  const runner = dataSource.createQueryRunner();
  try {
    const client = (await runner.connect()) as PgClient;
    if (!client.connection) return undefined;
    const text = `copy (${select}) to stdout (format binary)`;
    dataSource.logger.logQuery(text, undefined, runner);
    const entries: StoredEntry[] = [];
    const reader = new RowReader();
    await new Promise<void>((resolve, reject) => {
      const done = (error?: Error | null): void => (error ? reject(error) : resolve());
      client.query(new CopyOut(text, (row) => reader.read(row, entries), done));
    });
    return entries;
  } finally {
    await runner.release();
  }
}

/** A COPY TO STDOUT as pg's Client runs it: it calls these methods with what the server says. */
class CopyOut {
  private failure: Error | undefined;

  constructor(
    private readonly text: string,
    private readonly onData: (data: Buffer) => void,
    /** The client may put another one in its place: `query_timeout` does. */
    public callback: (error?: Error | null) => void,
  ) {}

  submit(connection: { query(text: string): void }): void {
    connection.query(this.text);
  }

  handleCopyData({ chunk }: { readonly chunk: Buffer }): void {
    try {
      if (!this.failure) this.onData(chunk);
    } catch (error) {
      this.failure = error as Error; // thrown in the driver's own loop, it would end the process
    }
  }

  handleReadyForQuery(): void {
    this.callback(this.failure);
  }

  handleError(error: Error): void {
    this.callback(error);
  }

  handleRowDescription(): void {}
  handleDataRow(): void {}
  handlePortalSuspended(): void {}
  handleCommandComplete(): void {}
  handleEmptyQuery(): void {}
}

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
const HEADER_BYTES = SIGNATURE.length + 8;

/** Rows of this size and up are copied for themselves; smaller ones share a buffer of this size, which lives as long as they. */
const SHARED_BYTES = 16_384;

/** Makes entries of the rows of one COPY; the format is that of the documentation of COPY. */
class RowReader {
  private row = Buffer.alloc(0);
  private at = 0;
  private used = 0;
  private begun = false;
  private readonly namespace = new Repeated();
  private readonly destination = new Repeated();
  private readonly topic = new Repeated();
  private readonly contentType = new Repeated();
  private readonly headers = new Repeated();

  /** The header comes before the first row, or before the trailer, in the same message. */
  read(data: Buffer, into: StoredEntry[]): void {
    this.keep(data);
    if (!this.begun) {
      if (data.compare(SIGNATURE, 0, SIGNATURE.length, 0, SIGNATURE.length) !== 0)
        throw new Error('The server has answered COPY in another format than the binary one.');
      this.begun = true;
      this.at += HEADER_BYTES;
    }
    const columns = this.row.readInt16BE(this.at);
    this.at += 2;
    if (columns !== -1) into.push(this.entry());
  }

  /** The bytes are the driver's, which will use their place for others. */
  private keep(data: Buffer): void {
    if (this.used + data.length > this.row.length) {
      this.row = Buffer.allocUnsafeSlow(Math.max(SHARED_BYTES, data.length));
      this.used = 0;
    }
    this.row.set(data, this.used);
    this.at = this.used;
    this.used += data.length;
  }

  /** In the order of `entryColumns`. */
  private entry(): StoredEntry {
    const id = this.bigint();
    const shard = this.integer();
    const messageId = this.text() ?? '';
    const namespace = this.repeated(this.namespace);
    const destination = this.repeated(this.destination);
    const topic = this.repeated(this.topic);
    const key = this.text();
    const payload = this.bytes();
    const contentType = this.repeated(this.contentType);
    const headers = toHeaders(this.repeated(this.headers));
    const createdAtMs = this.number();
    return { id, shard, messageId, namespace, destination, topic, key, payload, contentType, headers, createdAtMs };
  }

  /** -1: null. */
  private length(): number {
    const length = this.row.readInt32BE(this.at);
    this.at += 4;
    return length;
  }

  private bigint(): bigint {
    const value = this.number();
    // Twice as fast as reading it as one, which makes four of them.
    return Number.isSafeInteger(value) ? BigInt(value) : this.row.readBigInt64BE(this.at - 8);
  }

  /** Of a bigint column; not exact beyond 2^53. */
  private number(): number {
    const value = this.row.readInt32BE(this.at + 4) * 0x1_0000_0000 + this.row.readUInt32BE(this.at + 8);
    this.at += 12;
    return value;
  }

  private integer(): number {
    this.at += 4;
    const value = this.row.readInt32BE(this.at);
    this.at += 4;
    return value;
  }

  private text(): string | null {
    const length = this.length();
    if (length < 0) return null;
    const from = this.at;
    this.at += length;
    return this.row.toString(undefined, from, this.at);
  }

  private repeated(column: Repeated): string {
    const length = this.length();
    const from = this.at;
    this.at += length;
    return column.read(this.row, from, this.at);
  }

  private bytes(): Uint8Array {
    const length = this.length();
    const from = this.at;
    this.at += length;
    return this.row.subarray(from, this.at);
  }
}

/** A column that mostly has the same text as in the row before: then it needs no new one. */
class Repeated {
  private last = '';

  read(row: Buffer, from: number, to: number): string {
    if (!this.isLast(row, from, to)) this.last = row.toString(undefined, from, to);
    return this.last;
  }

  /** Of ASCII only; other texts have more bytes than characters. */
  private isLast(row: Buffer, from: number, to: number): boolean {
    const { last } = this;
    if (last.length !== to - from) return false;
    for (let n = 0; n < last.length; n += 1) {
      const byte = row[from + n] ?? 0;
      if (byte > 0x7f || byte !== last.charCodeAt(n)) return false;
    }
    return true;
  }
}
