import type { ClientProxy } from '@nestjs/microservices';
import { checkInteger } from 'nestjs-turnpike/timing';
import { lastValueFrom } from 'rxjs';
import type { OutgoingMessage } from '../../core/message.js';
import type { PublishContext, Publisher } from '../../core/publisher.js';
import { PublisherUnavailableError } from '../../outbox.errors.js';
import { checkInstalled } from '../client-missing.error.js';
import { checkCloudEvents, type CloudEventsOptions } from '../cloud-events.js';
import { endCall, sendEach } from '../publish-each.js';
import { Secrets } from '../secrets.js';
import { recordsFor, type RecordOf } from './event-record.js';

export interface ClientProxyPublisherOptions {
  /** The pattern that handlers have in `@EventPattern`. Default: the topic. */
  readonly pattern?: (message: OutgoingMessage) => string;
  /** What `emit` gets as its data. Default: see the documentation of the transport. */
  readonly data?: (message: OutgoingMessage) => unknown;
  readonly cloudEvents?: CloudEventsOptions;
  /** The most messages of a call. Default: 20. */
  readonly batchSize?: number;
}

/** Codes of a connection that is not there. */
const AWAY: ReadonlySet<unknown> = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);

/**
 * Emits messages as events of any transport of `@nestjs/microservices`.
 *
 * **What "sent" means is the transport's:** RMQ waits for the broker's confirm, though not for a queue that takes the message;
 * Kafka for its acknowledgements, MQTT for the broker's (QoS 1). Redis is publish and subscribe: it acknowledges that it has
 * passed the message on, to nobody perhaps. NATS (core) and TCP acknowledge nothing: what they lose, the outbox believes to
 * be delivered. gRPC has no events. Where a message must not be lost, use a publisher of its own for the broker.
 *
 * Not `ordered`. The client stays yours: `ClientsModule` closes it with the app.
 */
export class ClientProxyPublisher implements Publisher {
  readonly batchSize: number;
  readonly #client: ClientProxy;
  readonly #options: ClientProxyPublisherOptions;
  /** The client's options are its own secret: only URLs in its words can be told. */
  readonly #secrets = new Secrets([]);
  #records: Promise<RecordOf> | undefined;

  constructor(client: ClientProxy, options: ClientProxyPublisherOptions = {}) {
    const { batchSize = 20, cloudEvents } = options;
    checkInteger('batchSize', batchSize, 1);
    checkCloudEvents(cloudEvents);
    checkInstalled('ClientProxyPublisher', ['@nestjs/microservices']);
    this.batchSize = batchSize;
    this.#client = client;
    this.#options = options;
  }

  async publish(messages: readonly OutgoingMessage[], { signal }: PublishContext): Promise<void> {
    const recordOf = await (this.#records ??= recordsFor(this.#client));
    const errors = await sendEach(messages, signal, {
      send: async (message) => {
        const { pattern = ({ topic }) => topic, data, cloudEvents } = this.#options;
        const record = data ? data(message) : recordOf(message, cloudEvents);
        try {
          await lastValueFrom(this.#client.emit<unknown>(pattern(message), record), { defaultValue: undefined });
        } catch (error) {
          throw this.#errorOf(error);
        }
      },
    });
    endCall(errors);
  }

  #errorOf(error: unknown): Error {
    // RMQ's connection manager throws { err, url }, the latter with its credentials.
    const { err = error } = (error ?? {}) as { readonly err?: unknown };
    const text = `The client did not emit it: ${this.#secrets.wordsOf(err)}`;
    return isAway(err) ? new PublisherUnavailableError(text) : new Error(text);
  }
}

function isAway(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isAway);
  if (!(error instanceof Error)) return false;
  return AWAY.has((error as NodeJS.ErrnoException).code) || isAway(error.cause);
}
