import type { ChannelModel, SocketOptions } from 'amqplib';
import type { Connection } from '../lazy-connection.js';
import { ConfirmedChannel } from './confirmed-channel.js';

export interface RabbitMqLinkOptions {
  readonly urls: readonly URL[];
  readonly connectTimeoutMs: number;
  readonly socketOptions: SocketOptions;
}

/** A connection, with a channel that all calls share. */
export class RabbitMqLink implements Connection {
  /** Why the broker reads nothing at present: an alarm, such as of memory or disk. */
  blocked: string | undefined;
  /** Why the connection was lost, in the client's words; undefined while it is there. */
  lost: (Error & { readonly code?: number }) | undefined;
  private shared: Promise<ConfirmedChannel> | undefined;

  private constructor(private readonly connection: ChannelModel) {
    connection.on('error', () => undefined); // 'close' follows, with the same error
    connection.on('blocked', (reason) => {
      this.blocked = reason;
    });
    connection.on('unblocked', () => {
      this.blocked = undefined;
    });
    connection.on('close', (error) => {
      this.lost = error ?? new Error('The connection was closed.');
    });
  }

  /** Tries the servers in turn. Rejects with what the client says of the last one. */
  static async open({ urls, connectTimeoutMs, socketOptions }: RabbitMqLinkOptions): Promise<RabbitMqLink> {
    const { connect } = await import('amqplib');
    let failure: unknown;
    for (const url of urls) {
      try {
        const connection = await connect(url.href, { noDelay: true, timeout: connectTimeoutMs, ...socketOptions });
        return new RabbitMqLink(connection);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  get alive(): boolean {
    return !this.lost;
  }

  /** The channel that all calls share: opened when it is first needed, and again after the broker closed it. */
  channel(): Promise<ConfirmedChannel> {
    this.shared ??= this.openChannel(() => {
      this.shared = undefined;
    });
    return this.shared;
  }

  /** A channel for one call alone. */
  async openChannel(onEnd: () => void = () => undefined): Promise<ConfirmedChannel> {
    try {
      return new ConfirmedChannel(await this.connection.createConfirmChannel(), onEnd);
    } catch (error) {
      onEnd();
      throw error;
    }
  }

  async close(): Promise<void> {
    if (!this.lost) await this.connection.close().catch(() => undefined); // it was lost meanwhile
  }
}
