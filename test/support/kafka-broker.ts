import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { Reader, readRecordsBatch, Writer } from '@platformatic/kafka';
import { freePort } from './free-port.js';

export interface StoredRecord {
  readonly partition: number;
  readonly key: string | undefined;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly timestampMs: number;
}

interface PartitionBatch {
  readonly topic: string;
  readonly partition: number;
  readonly bytes: Buffer;
}

/** API keys of the protocol, with the one version of each that is spoken here. */
const API = {
  produce: { key: 0, version: 11 },
  metadata: { key: 3, version: 12 },
  apiVersions: { key: 18, version: 3 },
  initProducerId: { key: 22, version: 4 },
} as const;

/** It knows no logins, and refuses each. */
const SASL_HANDSHAKE = 17;

const ERROR = { unknownTopic: 3, messageTooLarge: 10, unsupportedMechanism: 33, outOfOrderSequence: 45 } as const;

/**
 * One broker of Kafka as far as an idempotent producer sees it: the wire protocol, partitions, and the numbering of records
 * by which a repetition is dropped and a gap refused. It stores in memory, and keeps that over a stop.
 */
export class KafkaBroker {
  /** What each topic has stored, in order. */
  readonly topics = new Map<string, StoredRecord[]>();
  /** So many of the next produce requests are stored, and their connections end without an answer. */
  unanswered = 0;
  /** Produce requests, by their records. */
  readonly requests: number[] = [];
  private readonly next = new Map<string, { sequence: number; readonly batches: Map<number, number> }>();
  private readonly sockets = new Set<Socket>();
  private producers = 0n;
  private server: Server | undefined;

  private constructor(
    private readonly port: number,
    private readonly options: { readonly partitions: number; readonly maxBytes: number },
  ) {}

  static async start(topics: readonly string[], { partitions = 4, maxBytes = 1_000_000 } = {}): Promise<KafkaBroker> {
    const broker = new KafkaBroker(await freePort(), { partitions, maxBytes });
    for (const topic of topics) broker.topics.set(topic, []);
    await broker.start();
    return broker;
  }

  get url(): string {
    return `kafka://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    this.server = createServer((socket) => this.serve(socket));
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
  }

  async stop(): Promise<void> {
    if (!this.server?.listening) return;
    const closed = once(this.server, 'close');
    this.server.close();
    for (const socket of this.sockets) socket.resetAndDestroy();
    await closed;
  }

  private serve(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => undefined); // the other side was closed
    let received = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 4 && received.length >= 4 + received.readInt32BE()) {
        const end = 4 + received.readInt32BE();
        const produced = this.requests.length;
        const answer = this.answer(Reader.from(received.subarray(4, end))).prependLength().buffer;
        if (this.requests.length > produced && this.unanswered-- > 0) socket.destroy();
        else socket.write(answer);
        received = received.subarray(end);
      }
    });
  }

  private answer(request: Reader): Writer {
    const [apiKey, , correlationId] = [request.readInt16(), request.readInt16(), request.readInt32()];
    request.readNullableString(false); // the client's id
    request.readTaggedFields();
    const response = Writer.create().appendInt32(correlationId);
    switch (apiKey) {
      case API.apiVersions.key:
        return response
          .appendInt16(0)
          .appendArray(Object.values(API), (w, { key, version }) =>
            w.appendInt16(key).appendInt16(version).appendInt16(version),
          )
          .appendInt32(0)
          .appendTaggedFields();
      case API.metadata.key:
        return this.metadata(request, response.appendTaggedFields());
      case API.initProducerId.key:
        return response
          .appendTaggedFields()
          .appendInt32(0)
          .appendInt16(0)
          .appendInt64((this.producers += 1n))
          .appendInt16(0)
          .appendTaggedFields();
      case API.produce.key:
        return this.produce(request, response.appendTaggedFields());
      case SASL_HANDSHAKE:
        return response.appendInt16(ERROR.unsupportedMechanism).appendArray([], () => undefined, false, false);
      default:
        throw new Error(`The broker of the tests does not speak API ${apiKey}.`);
    }
  }

  private metadata(request: Reader, response: Writer): Writer {
    const asked = request.readNullableArray((r) => {
      r.readUUID();
      return r.readNullableString() ?? '';
    });
    const nodes = [1];
    return response
      .appendInt32(0)
      .appendArray(nodes, (w, node) =>
        w.appendInt32(node).appendString('127.0.0.1').appendInt32(this.port).appendString(null),
      )
      .appendString('test')
      .appendInt32(1)
      .appendArray(asked ?? [...this.topics.keys()], (w, topic) => {
        const partitions = Array.from(
          { length: this.topics.has(topic) ? this.options.partitions : 0 },
          (_, index) => index,
        );
        w.appendInt16(this.topics.has(topic) ? 0 : ERROR.unknownTopic)
          .appendString(topic)
          .appendUUID(null)
          .appendBoolean(false)
          .appendArray(partitions, (w, partition) => {
            w.appendInt16(0).appendInt32(partition).appendInt32(1).appendInt32(0);
            for (let list = 0; list < 3; list++) w.appendArray(nodes, (w, node) => w.appendInt32(node), true, false);
          })
          .appendInt32(0);
      })
      .appendTaggedFields();
  }

  private produce(request: Reader, response: Writer): Writer {
    request.readNullableString(); // the transaction's id
    const acks = request.readInt16();
    if (acks !== -1) throw new Error(`The producer asks for ${acks} acknowledgements instead of all.`);
    request.readInt32();
    const batches = request
      .readArray((r) => {
        const topic = r.readString();
        return r.readArray((r) => ({ topic, partition: r.readInt32(), bytes: r.readBytes() }));
      })
      .flat();
    this.requests.push(0);
    const results = batches.map((batch) => ({ ...batch, error: this.append(batch) }));
    const topics = [...new Set(results.map(({ topic }) => topic))];
    return response
      .appendArray(topics, (w, topic) => {
        const ofTopic = results.filter((result) => result.topic === topic);
        w.appendString(topic).appendArray(ofTopic, (w, { partition, error }) => {
          w.appendInt32(partition).appendInt16(error).appendInt64(0n).appendInt64(-1n).appendInt64(0n);
          w.appendArray([], () => undefined).appendString(null);
        });
      })
      .appendInt32(0)
      .appendTaggedFields();
  }

  /** All records of a batch or none, as Kafka does it. Gives the error's code. */
  private append({ topic, partition, bytes }: PartitionBatch): number {
    const { producerId, firstSequence, firstTimestamp, records } = readRecordsBatch(Reader.from(bytes));
    this.requests[this.requests.length - 1] = (this.requests.at(-1) ?? 0) + records.length;
    if (bytes.length > this.options.maxBytes) return ERROR.messageTooLarge;
    const numbered = `${producerId}:${topic}:${partition}`;
    const next = this.next.get(numbered) ?? { sequence: 0, batches: new Map<number, number>() };
    if (next.batches.get(firstSequence) === records.length) return 0; // it has come before
    if (firstSequence !== next.sequence) return ERROR.outOfOrderSequence;
    next.batches.set(firstSequence, records.length);
    next.sequence += records.length;
    this.next.set(numbered, next);
    for (const { key, value, headers, timestampDelta } of records) {
      this.topics.get(topic)?.push({
        partition,
        key: key?.toString(),
        value: value ?? Buffer.alloc(0),
        headers: Object.fromEntries(headers.map(([name, text]) => [String(name), String(text)])),
        timestampMs: Number(firstTimestamp + timestampDelta),
      });
    }
    return 0;
  }
}
