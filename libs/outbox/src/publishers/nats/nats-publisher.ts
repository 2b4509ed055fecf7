import type { NodeConnectionOptions } from '@nats-io/transport-node';
import { checkDuration, checkInteger } from 'nestjs-turnpike/timing';
import type { OutgoingMessage } from '../../core/message.js';
import type { PublishContext, Publisher } from '../../core/publisher.js';
import { NonRetryableError, PublisherUnavailableError } from '../../outbox.errors.js';
import { checkInstalled } from '../client-missing.error.js';
import { checkCloudEvents, type CloudEventsOptions } from '../cloud-events.js';
import { LazyConnection } from '../lazy-connection.js';
import { endCall, sendEach, within } from '../publish-each.js';
import { Secrets } from '../secrets.js';
import { parseUrls } from '../server-urls.js';
import { NatsLink, type Answer, type NatsPublication } from './nats-link.js';
import { natsPublicationOf, type NatsRoute } from './nats-publication.js';

export interface NatsPublisherOptions extends NatsRoute {
  /** `nats://user:password@host:4222`, `nats://token@host` or `tls://`; several are the nodes of a cluster. */
  readonly url: string | readonly string[];
  /**
   * What becomes of a message whose subject no stream has. `refuse`: it goes to the dead letters at once. `retry`: it is tried
   * again, as where streams are made later than the app. Default: `refuse`.
   */
  readonly unroutable?: 'refuse' | 'retry';
  readonly cloudEvents?: CloudEventsOptions;
  /** The most messages of a call. Default: 50. */
  readonly batchSize?: number;
  /** How long connecting to one server may take. Default: 10,000 ms. */
  readonly connectTimeoutMs?: number;
  /** How long JetStream may take to say that a message is stored. Default: 10,000 ms. */
  readonly ackTimeoutMs?: number;
  /** An authenticator, TLS and the like, as the client takes them. */
  readonly clientOptions?: NodeConnectionOptions;
}

/** Notices a dead peer before a publish call is given up (30 s): the client's own default is some minutes. */
const LIVENESS = { pingInterval: 5000, maxPingOut: 2 };

/**
 * Publishes to NATS JetStream, and waits for the acknowledgement of each message: its stream has stored it then, on a
 * majority of its replicas. The streams are yours: make them with the subjects that you publish to.
 *
 * - The message's id is its `Nats-Msg-Id`: what comes again within the duplicate window of the stream (2 minutes by default)
 *   is stored once.
 * - The messages of a call go out side by side, so it is not `ordered`: after one that was refused, a later one may arrive.
 * - Core NATS, without a stream, acknowledges nothing and is not used.
 */
export class NatsPublisher implements Publisher {
  readonly batchSize: number;
  readonly #options: NatsPublisherOptions;
  readonly #secrets: Secrets;
  readonly #connection: LazyConnection<NatsLink>;

  constructor(options: NatsPublisherOptions) {
    const { batchSize = 50, connectTimeoutMs = 10_000, ackTimeoutMs = 10_000 } = options;
    const urls = parseUrls(options.url, ['nats:', 'tls:']);
    checkInteger('batchSize', batchSize, 1);
    checkDuration('connectTimeoutMs', connectTimeoutMs, 1);
    checkDuration('ackTimeoutMs', ackTimeoutMs, 1);
    checkCloudEvents(options.cloudEvents);
    checkInstalled('NatsPublisher', ['@nats-io/jetstream', '@nats-io/transport-node']);
    const client: NodeConnectionOptions = {
      ...LIVENESS,
      ...credentialsOf(urls),
      servers: urls.map(({ host }) => host),
      timeout: connectTimeoutMs,
      ...(urls.some(({ protocol }) => protocol === 'tls:') ? { tls: {} } : {}),
      ...options.clientOptions,
      reconnect: false,
      noAsyncTraces: true, // a stack for each message would cost more than the message
    };
    this.batchSize = batchSize;
    this.#options = options;
    this.#secrets = new Secrets(urls, secretsIn(options.clientOptions));
    this.#connection = new LazyConnection(() => NatsLink.open(client, ackTimeoutMs));
  }

  async publish(messages: readonly OutgoingMessage[], { signal }: PublishContext): Promise<void> {
    const link = await this.#reached(signal);
    const errors = await sendEach(messages, signal, {
      send: async (message) => {
        const publication = natsPublicationOf(message, this.#options, this.#options.cloudEvents);
        const error = this.#errorOf(await link.send(publication), publication);
        if (error) throw error;
      },
    });
    endCall(errors);
  }

  /** Ends the connection. Call it when nothing is published any more. */
  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #reached(signal: AbortSignal): Promise<NatsLink> {
    try {
      return await within(signal, this.#connection.get());
    } catch (error) {
      if (error instanceof PublisherUnavailableError) throw error;
      throw new PublisherUnavailableError(`NATS is not reached: ${this.#secrets.wordsOf(error)}`);
    }
  }

  #errorOf(answer: Answer, { subject }: NatsPublication): Error | undefined {
    switch (answer.kind) {
      case 'stored':
        return undefined;
      case 'lost':
        return new PublisherUnavailableError(
          `The connection to NATS was lost: ${this.#secrets.wordsOf(answer.reason)}`,
        );
      case 'away':
        return new PublisherUnavailableError(`JetStream is away: ${this.#secrets.wordsOf(answer.reason)}`);
      case 'noStream': {
        const text = `No stream has the subject ${JSON.stringify(subject)}.`;
        return this.#options.unroutable === 'retry' ? new Error(text) : new NonRetryableError(text);
      }
      case 'unfit':
        return new NonRetryableError(`NATS does not take it: ${this.#secrets.wordsOf(answer.reason)}`);
      default:
        return new Error(`NATS did not take it: ${this.#secrets.wordsOf(answer.reason)}`);
    }
  }
}

/** All nodes of a cluster have the same. A name without a password is a token. */
function credentialsOf(urls: readonly URL[]): NodeConnectionOptions {
  const { username, password } = urls.find((url) => url.username !== '') ?? {};
  if (username === undefined) return {};
  const user = decodeURIComponent(username);
  return password ? { user, pass: decodeURIComponent(password) } : { token: user };
}

function secretsIn({ user, pass, token }: NodeConnectionOptions = {}): string[] {
  return [pass, token, pass === undefined ? user : undefined].filter((text) => text !== undefined);
}
