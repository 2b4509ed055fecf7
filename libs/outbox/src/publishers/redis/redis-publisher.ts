import type { RedisOptions } from 'ioredis';
import { checkDuration, checkInteger } from 'nestjs-turnpike/timing';
import type { OutgoingMessage } from '../../core/message.js';
import type { PublishContext, Publisher } from '../../core/publisher.js';
import { NonRetryableError, PublisherUnavailableError } from '../../outbox.errors.js';
import { checkInstalled } from '../client-missing.error.js';
import { checkCloudEvents, type CloudEventsOptions } from '../cloud-events.js';
import { LazyConnection } from '../lazy-connection.js';
import { asError, endCall, UNANSWERED, within } from '../publish-each.js';
import { Secrets } from '../secrets.js';
import { parseUrls } from '../server-urls.js';
import { RedisLink, type Answer } from './redis-link.js';
import { streamEntryOf, type RedisRoute, type StreamEntry } from './stream-entry.js';

export interface RedisPublisherOptions extends RedisRoute {
  /** `redis://user:password@host:6379/0` or `rediss://`. With Sentinels in `clientOptions`, what they do not say. */
  readonly url: string;
  readonly cloudEvents?: CloudEventsOptions;
  /** The most messages of a call. Default: 100. */
  readonly batchSize?: number;
  /** How long connecting may take. Default: 10,000 ms. */
  readonly connectTimeoutMs?: number;
  /** Sentinels, TLS and the like, as ioredis takes them. */
  readonly clientOptions?: RedisOptions;
}

/** Notices a dead peer before a publish call is given up (30 s): a reply is due within ms. */
const REPLY_TIMEOUT_MS = 15_000;

/**
 * Adds messages to Redis Streams, a call's all in one pipeline.
 *
 * - Sent is what Redis has added. How much of that outlives a crash is the server's setting (`appendfsync`), and a replica
 *   that takes over may lack the last entries: Redis replicates asynchronously.
 * - It is not `ordered`: after an entry that was refused, a later one of the call may be added.
 * - Redis stores what comes again a second time; consumers tell by the field `id`.
 * - One server, or a master found by Sentinels; not Redis Cluster.
 */
export class RedisPublisher implements Publisher {
  readonly batchSize: number;
  readonly #options: RedisPublisherOptions;
  readonly #secrets: Secrets;
  readonly #connection: LazyConnection<RedisLink>;

  constructor(options: RedisPublisherOptions) {
    const { url, batchSize = 100, connectTimeoutMs = 10_000, maxLength = 1, clientOptions = {} } = options;
    const urls = parseUrls(url, ['redis:', 'rediss:']);
    checkInteger('batchSize', batchSize, 1);
    checkInteger('maxLength', maxLength, 1);
    checkDuration('connectTimeoutMs', connectTimeoutMs, 1);
    checkCloudEvents(options.cloudEvents);
    checkInstalled('RedisPublisher', ['ioredis']);
    const client: RedisOptions = {
      connectTimeout: connectTimeoutMs,
      socketTimeout: REPLY_TIMEOUT_MS,
      ...clientOptions,
      lazyConnect: true,
      // What the connection's end left open is the relay's to send again, and when.
      retryStrategy: null,
      autoResendUnfulfilledCommands: false,
      enableOfflineQueue: false,
    };
    const passwords = [clientOptions.password, clientOptions.sentinelPassword].filter((text) => text !== undefined);
    this.batchSize = batchSize;
    this.#options = options;
    this.#secrets = new Secrets(urls, passwords.map(String));
    this.#connection = new LazyConnection(() => RedisLink.open(url, client));
  }

  async publish(messages: readonly OutgoingMessage[], { signal }: PublishContext): Promise<void> {
    const link = await this.#reached(signal);
    const entries = messages.map((message) => this.#entryOf(message));
    const answers = await within(signal, link.add(entries), () => new Error(UNANSWERED));
    endCall(answers.map((answer) => this.#errorOf(answer)));
  }

  /** Ends the connection. Call it when nothing is published any more. */
  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #reached(signal: AbortSignal): Promise<RedisLink> {
    try {
      return await within(signal, this.#connection.get());
    } catch (error) {
      if (error instanceof PublisherUnavailableError) throw error;
      throw new PublisherUnavailableError(`Redis is not reached: ${this.#secrets.wordsOf(error)}`);
    }
  }

  #entryOf(message: OutgoingMessage): StreamEntry | Error {
    try {
      return streamEntryOf(message, this.#options, this.#options.cloudEvents);
    } catch (error) {
      return asError(error); // a function of the options threw: not its neighbours' failure
    }
  }

  #errorOf(answer: Answer): Error | undefined {
    switch (answer.kind) {
      case 'added':
        return undefined;
      case 'lost':
        return new PublisherUnavailableError(
          `The connection to Redis was lost: ${this.#secrets.wordsOf(answer.reason)}`,
        );
      case 'away':
        return new PublisherUnavailableError(`Redis adds nothing at present: ${this.#secrets.redact(answer.reason)}`);
      case 'refused':
        return new NonRetryableError(`Redis does not take it: ${this.#secrets.redact(answer.reason)}`);
      default:
        return new Error(`Redis did not take it: ${this.#secrets.redact(answer.reason)}`);
    }
  }
}
