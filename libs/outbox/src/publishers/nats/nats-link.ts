import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import type { MsgHdrs, NatsConnection, NodeConnectionOptions } from '@nats-io/transport-node';
import type { Connection } from '../lazy-connection.js';

/** A message as JetStream takes it. */
export interface NatsPublication {
  readonly subject: string;
  readonly body: Uint8Array;
  /** Told apart by it: the stream stores one of those that arrive within its duplicate window. */
  readonly messageId: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What JetStream said of a message, or why it said nothing. */
export type Answer =
  | { readonly kind: 'stored' }
  /** The connection is gone; the message may have arrived. */
  | { readonly kind: 'lost'; readonly reason: unknown }
  | { readonly kind: 'noStream' }
  /** JetStream, or the leader of the stream, does not answer. */
  | { readonly kind: 'away'; readonly reason: unknown }
  /** The client or the server will never take it like this. */
  | { readonly kind: 'unfit'; readonly reason: unknown }
  /** Anything else. */
  | { readonly kind: 'failed'; readonly reason: unknown };

/** Codes of JetStream's errors, by nats-server's errors.json. */
const NEVER_TAKEN: ReadonlySet<number> = new Set([
  10054, // message size exceeds maximum allowed
  10097, // header size exceeds maximum allowed of 64k
]);

type Core = typeof import('@nats-io/transport-node');
type JetStream = typeof import('@nats-io/jetstream');

/** A connection, with JetStream on it. */
export class NatsLink implements Connection {
  private constructor(
    private readonly core: Core,
    private readonly jetStream: JetStream,
    private readonly connection: NatsConnection,
    private readonly client: JetStreamClient,
    private readonly manager: JetStreamManager,
  ) {}

  /** Rejects with what the client says when no server answers. */
  static async open(options: NodeConnectionOptions, ackTimeoutMs: number): Promise<NatsLink> {
    const core = await import('@nats-io/transport-node');
    const jetStream = await import('@nats-io/jetstream');
    const connection = await core.connect(options);
    const manager = await jetStream.jetstreamManager(connection, { checkAPI: false, timeout: ackTimeoutMs });
    return new NatsLink(core, jetStream, connection, manager.jetstream(), manager);
  }

  get alive(): boolean {
    return !this.connection.isClosed();
  }

  async send({ subject, body, messageId, headers }: NatsPublication): Promise<Answer> {
    try {
      await this.client.publish(subject, body, { msgID: messageId, headers: this.headersOf(headers) });
      return { kind: 'stored' };
    } catch (error) {
      return this.answerOf(error, subject);
    }
  }

  async close(): Promise<void> {
    await this.connection.close();
  }

  private headersOf(headers: Readonly<Record<string, string>>): MsgHdrs {
    const set = this.core.headers();
    for (const [name, value] of Object.entries(headers)) set.set(name, value);
    return set;
  }

  private async answerOf(error: unknown, subject: string): Promise<Answer> {
    const { InvalidArgumentError, InvalidSubjectError, NoRespondersError, RequestError } = this.core;
    if (this.connection.isClosed()) return { kind: 'lost', reason: (await this.connection.closed()) ?? error };
    if (error instanceof InvalidArgumentError || error instanceof InvalidSubjectError) {
      return { kind: 'unfit', reason: error };
    }
    if (error instanceof this.jetStream.JetStreamApiError && NEVER_TAKEN.has(error.code)) {
      return { kind: 'unfit', reason: error };
    }
    const request = (error as Error).cause;
    const nobody = request instanceof RequestError && request.cause instanceof NoRespondersError;
    return nobody ? this.whyNobody(subject) : { kind: 'failed', reason: error };
  }

  /** Nobody took the message: is there no stream, or is it away? Only JetStream itself can tell. */
  private async whyNobody(subject: string): Promise<Answer> {
    try {
      const stream = await this.manager.streams.find(subject);
      return { kind: 'away', reason: `stream ${stream} has no leader` };
    } catch (error) {
      const { JetStreamApiError, JetStreamApiCodes } = this.jetStream;
      if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound)
        return { kind: 'noStream' };
      return { kind: 'away', reason: error };
    }
  }
}
