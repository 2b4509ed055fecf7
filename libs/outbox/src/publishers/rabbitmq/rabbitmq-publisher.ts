import type { SocketOptions } from 'amqplib';
import { checkDuration, checkInteger } from 'nestjs-turnpike/timing';
import type { OutgoingMessage } from '../../core/message.js';
import type { PublishContext, Publisher } from '../../core/publisher.js';
import { NonRetryableError, PublisherUnavailableError } from '../../outbox.errors.js';
import { checkInstalled } from '../client-missing.error.js';
import { checkCloudEvents, type CloudEventsOptions } from '../cloud-events.js';
import { LazyConnection } from '../lazy-connection.js';
import { endCall, sendEach, UNANSWERED, within } from '../publish-each.js';
import { Secrets } from '../secrets.js';
import { parseUrls } from '../server-urls.js';
import type { Answer, ConfirmedChannel, Publication } from './confirmed-channel.js';
import { publicationOf, type RabbitMqRoute } from './publication.js';
import { RabbitMqLink } from './rabbitmq-link.js';

export interface RabbitMqPublisherOptions extends RabbitMqRoute {
  /** `amqp://user:password@host:5672/vhost` or `amqps://`; of several, the first that answers. */
  readonly url: string | readonly string[];
  /**
   * What becomes of a message that no queue takes, or whose exchange does not exist. `refuse`: it goes to the dead letters at
   * once, with the broker's reason. `retry`: it is tried again, as where bindings are rolled out later than the app.
   * Default: `refuse`.
   */
  readonly unroutable?: 'refuse' | 'retry';
  readonly cloudEvents?: CloudEventsOptions;
  /** The most messages of a call. Default: 50. */
  readonly batchSize?: number;
  /** How long connecting to one server may take. Default: 10,000 ms. */
  readonly connectTimeoutMs?: number;
  /** TLS, client properties and the like, as amqplib takes them. */
  readonly socketOptions?: SocketOptions;
}

/** Notices a dead peer before a publish call is given up (30 s): RabbitMQ's own default is a minute. */
const HEARTBEAT_S = '10';

/** Replies of AMQP 0-9-1. */
const NOT_FOUND = 404;
const PRECONDITION_FAILED = 406;
/** A connection that was closed for one of them was closed for what the client had sent. */
const FAULTS_OF_THE_CLIENT: ReadonlySet<number> = new Set([501, 502, 503, 505, 541]);

/**
 * Publishes to RabbitMQ, and waits for the broker's confirm of each message. In a durable queue it then survives the broker's
 * restart, and in a quorum queue the loss of a minority of its nodes.
 *
 * - A message that no queue takes is returned by the broker (`mandatory`), and does not count as sent.
 * - The messages of a call go out side by side, so it is not `ordered`: after one that was refused, a later one may arrive.
 * - When the broker closes the channel for a message's fault, those of the call that have no confirm yet are sent again one
 *   by one on a channel of their own. So the right one is refused; of the others, some may arrive twice.
 */
export class RabbitMqPublisher implements Publisher {
  readonly batchSize: number;
  readonly #options: RabbitMqPublisherOptions;
  readonly #secrets: Secrets;
  readonly #connection: LazyConnection<RabbitMqLink>;

  constructor(options: RabbitMqPublisherOptions) {
    const { batchSize = 50, connectTimeoutMs = 10_000, socketOptions = {} } = options;
    const urls = parseUrls(options.url, ['amqp:', 'amqps:']);
    checkInteger('batchSize', batchSize, 1);
    checkDuration('connectTimeoutMs', connectTimeoutMs, 1);
    checkCloudEvents(options.cloudEvents);
    checkInstalled('RabbitMqPublisher', ['amqplib']);
    const { password } = socketOptions.credentials ?? {};
    this.#secrets = new Secrets(urls, password === undefined ? [] : [password]);
    for (const { searchParams } of urls) {
      if (!searchParams.has('heartbeat')) searchParams.set('heartbeat', HEARTBEAT_S);
    }
    this.batchSize = batchSize;
    this.#options = options;
    this.#connection = new LazyConnection(() => RabbitMqLink.open({ urls, connectTimeoutMs, socketOptions }));
  }

  async publish(messages: readonly OutgoingMessage[], { signal }: PublishContext): Promise<void> {
    const link = await this.#reached(signal, this.#connection.get());
    if (link.blocked !== undefined) throw blocked(link);
    const channel = await this.#reached(signal, link.channel());
    const errors = await this.#send(link, channel, messages, signal);
    if (errors.some(isOfClosedChannel)) await this.#sendOneByOne(link, messages, errors, signal);
    endCall(errors);
  }

  /** Ends the connection. Call it when nothing is published any more. */
  async close(): Promise<void> {
    await this.#connection.close();
  }

  /** What the client fails with while it connects is never a message's fault. */
  async #reached<R>(signal: AbortSignal, work: Promise<R>): Promise<R> {
    try {
      return await within(signal, work);
    } catch (error) {
      if (error instanceof PublisherUnavailableError) throw error;
      throw new PublisherUnavailableError(`RabbitMQ is not reached: ${this.#secrets.wordsOf(error)}`);
    }
  }

  #send(
    link: RabbitMqLink,
    channel: ConfirmedChannel,
    messages: readonly OutgoingMessage[],
    signal: AbortSignal,
  ): Promise<(Error | undefined)[]> {
    return sendEach(messages, signal, {
      send: async (message) => {
        const publication = publicationOf(message, this.#options, this.#options.cloudEvents);
        const error = this.#errorOf(await channel.send(publication), publication, link, messages.length === 1);
        if (error) throw error;
      },
      unanswered: () => (link.blocked === undefined ? new Error(UNANSWERED) : blocked(link)),
    });
  }

  /** Fills in what became of those that a closed channel left open. */
  async #sendOneByOne(
    link: RabbitMqLink,
    messages: readonly OutgoingMessage[],
    errors: (Error | undefined)[],
    signal: AbortSignal,
  ): Promise<void> {
    let channel: ConfirmedChannel | undefined;
    for (const [index, message] of messages.entries()) {
      if (!isOfClosedChannel(errors[index])) continue;
      try {
        if (!channel?.open) channel = await this.#reached(signal, link.openChannel());
        const [error] = await this.#send(link, channel, [message], signal);
        errors[index] = isOfClosedChannel(error) ? this.#refused(error) : error;
      } catch (error) {
        errors[index] = error as PublisherUnavailableError;
      }
    }
    await channel?.close();
  }

  #errorOf(answer: Answer, publication: Publication, link: RabbitMqLink, isAlone: boolean): Error | undefined {
    const { exchange, routingKey } = publication;
    switch (answer.kind) {
      case 'confirmed':
        return undefined;
      case 'returned':
        return this.#unroutable(
          `RabbitMQ returned it: ${answer.reason}, by exchange "${exchange}" and routing key "${routingKey}".`,
        );
      case 'nacked':
        return new Error('RabbitMQ did not take it (basic.nack): a queue is full, or its node is away.');
      case 'unfit':
        return new NonRetryableError(`It does not fit into AMQP: ${this.#secrets.redact(answer.reason)}`);
      case 'channelClosed':
        return new ClosedChannel(answer.code, this.#secrets.redact(answer.reason));
      case 'lost':
        return this.#lost(link, isAlone);
      default:
        return assertNever(answer);
    }
  }

  #lost({ lost }: RabbitMqLink, isAlone: boolean): Error {
    const text = `The connection to RabbitMQ was lost: ${this.#secrets.wordsOf(lost)}`;
    // A message that RabbitMQ always hangs up on must not pass for an outage for ever.
    const isItsFault = isAlone && FAULTS_OF_THE_CLIENT.has(lost?.code ?? 0);
    return isItsFault ? new Error(text) : new PublisherUnavailableError(text);
  }

  /** The message was alone on the channel that the broker closed. */
  #refused({ code, message }: ClosedChannel): Error {
    if (code === NOT_FOUND) return this.#unroutable(message);
    // Too large is one; others, such as a permission that is missing, can be put right.
    return code === PRECONDITION_FAILED ? new NonRetryableError(message) : new Error(message);
  }

  #unroutable(text: string): Error {
    return this.#options.unroutable === 'retry' ? new Error(text) : new NonRetryableError(text);
  }
}

/** The broker closed the channel before it confirmed the message: for a fault of this one or of another one. */
class ClosedChannel extends Error {
  constructor(
    readonly code: number,
    reason: string,
  ) {
    super(reason);
  }
}

function isOfClosedChannel(error: Error | undefined): error is ClosedChannel {
  return error instanceof ClosedChannel;
}

function blocked({ blocked: reason }: RabbitMqLink): PublisherUnavailableError {
  return new PublisherUnavailableError(`RabbitMQ has blocked the connection: ${reason}.`);
}

function assertNever(value: never): never {
  throw new Error(`not foreseen: ${JSON.stringify(value)}`);
}
