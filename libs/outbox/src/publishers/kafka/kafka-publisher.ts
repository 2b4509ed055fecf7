import { checkInteger } from 'nestjs-turnpike/timing';
import type { OutgoingMessage } from '../../core/message.js';
import type { PublishContext, Publisher } from '../../core/publisher.js';
import { NonRetryableError, PublisherUnavailableError } from '../../outbox.errors.js';
import { checkInstalled } from '../client-missing.error.js';
import { checkCloudEvents, type CloudEventsOptions } from '../cloud-events.js';
import { LazyConnection } from '../lazy-connection.js';
import { asError, endCall, UNANSWERED, within } from '../publish-each.js';
import { Secrets } from '../secrets.js';
import { parseUrls } from '../server-urls.js';
import { Turnstile } from '../turnstile.js';
import { failureOf, reasonOf } from './kafka-failure.js';
import { KafkaLink, type KafkaProducerOptions } from './kafka-link.js';
import { kafkaRecordOf, type KafkaRecord, type KafkaRoute } from './kafka-record.js';

export interface KafkaPublisherOptions extends KafkaRoute {
  /** `kafka://user:password@host:9092`, or `kafka+ssl://`; several are brokers of one cluster. A user logs in by SASL PLAIN. */
  readonly url: string | readonly string[];
  readonly cloudEvents?: CloudEventsOptions;
  /** The most messages of a call. Default: 500. */
  readonly batchSize?: number;
  /** Other SASL mechanisms, TLS, compression, timeouts and the like, as the client takes them. */
  readonly clientOptions?: Partial<Omit<KafkaProducerOptions, 'serializers' | 'idempotent' | 'acks' | 'registry'>>;
}

/**
 * Produces to Kafka: idempotent, acknowledged by all in-sync replicas, the key decides the partition.
 *
 * - A call is one produce request, and calls go out one after the other: a partition takes its records of a call all together
 *   or not at all. So it is `ordered`, and a call may hold many messages of a key.
 * - After a failure a new producer is made. What Kafka had stored of the call it stores again then: consumers tell by
 *   `turnpike-id`.
 * - A call that a broker refuses is sent again message by message, so that the right one is refused.
 */
export class KafkaPublisher implements Publisher {
  readonly ordered = true;
  readonly batchSize: number;
  readonly #options: KafkaPublisherOptions;
  readonly #secrets: Secrets;
  readonly #connection: LazyConnection<KafkaLink>;
  readonly #oneAtATime = new Turnstile(1);

  constructor(options: KafkaPublisherOptions) {
    const { batchSize = 500, clientOptions = {} } = options;
    const urls = parseUrls(options.url, ['kafka:', 'kafka+ssl:']);
    checkInteger('batchSize', batchSize, 1);
    checkCloudEvents(options.cloudEvents);
    checkInstalled('KafkaPublisher', ['@platformatic/kafka']);
    const producer: KafkaProducerOptions = {
      clientId: 'turnpike',
      bootstrapBrokers: urls.map(({ hostname, port }) => `${hostname}:${port || '9092'}`),
      // Above 1: the client takes that for "without end" where it is idempotent.
      retries: 2,
      retryDelay: 200,
      ...saslOf(urls),
      ...(urls.some(({ protocol }) => protocol === 'kafka+ssl:') ? { tls: {} } : {}),
      ...clientOptions,
      idempotent: true,
      acks: -1,
    };
    const { password, token } = clientOptions.sasl ?? {};
    this.batchSize = batchSize;
    this.#options = options;
    this.#secrets = new Secrets(
      urls,
      [password, token].filter((text) => typeof text === 'string'),
    );
    this.#connection = new LazyConnection(() => KafkaLink.open(producer));
  }

  async publish(messages: readonly OutgoingMessage[], { signal }: PublishContext): Promise<void> {
    const turn = this.#oneAtATime.pass(signal, async () => endCall(await this.#sendAll(messages, signal)));
    await within(signal, turn, () => new Error(UNANSWERED));
  }

  /** Ends the producer. Call it when nothing is published any more. */
  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #sendAll(messages: readonly OutgoingMessage[], signal: AbortSignal): Promise<(Error | undefined)[]> {
    const records = messages.map((message) => this.#recordOf(message));
    if (!records.every(isRecord)) return this.#sendOneByOne(messages, records, signal);
    const failure = await this.#send(records, signal);
    if (!failure) return [];
    if (failure instanceof PublisherUnavailableError || signal.aborted) throw failure;
    return records.length === 1 ? [failure] : this.#sendOneByOne(messages, records, signal);
  }

  /** In their order; after one of a key that failed, no other of that key. */
  async #sendOneByOne(
    messages: readonly OutgoingMessage[],
    records: readonly (KafkaRecord | Error)[],
    signal: AbortSignal,
  ): Promise<(Error | undefined)[]> {
    const held = new Set<string>();
    const errors: (Error | undefined)[] = [];
    for (const [index, record] of records.entries()) {
      const { key } = messages[index] as OutgoingMessage;
      const error =
        key !== undefined && held.has(key)
          ? new Error('It was not sent: an earlier message of its key failed.')
          : isRecord(record)
            ? await this.#send([record], signal)
            : record;
      if (error && key !== undefined) held.add(key);
      errors.push(error);
    }
    return errors;
  }

  async #send(records: readonly KafkaRecord[], signal: AbortSignal): Promise<Error | undefined> {
    try {
      const link = await within(signal, this.#connection.get());
      await within(signal, link.send(records), () => {
        void link.close(); // it may still be sending
        return new Error(UNANSWERED);
      });
      return undefined;
    } catch (error) {
      if (signal.aborted || error instanceof PublisherUnavailableError) return asError(error);
      const reason = reasonOf(error, (cause) => this.#secrets.wordsOf(cause));
      const failure = failureOf(error);
      if (failure === 'away') return new PublisherUnavailableError(`Kafka is away: ${reason}`);
      return failure === 'refused'
        ? new NonRetryableError(`Kafka does not take it: ${reason}`)
        : new Error(`Kafka did not take it: ${reason}`);
    }
  }

  #recordOf(message: OutgoingMessage): KafkaRecord | Error {
    try {
      return kafkaRecordOf(message, this.#options, this.#options.cloudEvents);
    } catch (error) {
      return asError(error);
    }
  }
}

function isRecord(record: KafkaRecord | Error): record is KafkaRecord {
  return !(record instanceof Error);
}

function saslOf(urls: readonly URL[]): Partial<KafkaProducerOptions> {
  const { username, password } = urls.find((url) => url.username !== '') ?? {};
  if (username === undefined) return {};
  const [user, pass] = [decodeURIComponent(username), decodeURIComponent(password ?? '')];
  return { sasl: { mechanism: 'PLAIN', username: user, password: pass } };
}
