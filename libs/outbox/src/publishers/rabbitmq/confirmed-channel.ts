import type { ConfirmChannel, Options } from 'amqplib';

/** A message as the broker takes it. */
export interface Publication {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
  /** With the message's id, by which a returned one is known again. */
  readonly properties: Options.Publish & { readonly messageId: string };
}

/** What the broker said of a message. */
export type Answer =
  | { readonly kind: 'confirmed' }
  /** It found no queue for it. */
  | { readonly kind: 'returned'; readonly reason: string }
  /** It could not take it now. */
  | { readonly kind: 'nacked' }
  /** It closed the channel, for a fault that may be another message's; the message may have arrived. */
  | { readonly kind: 'channelClosed'; readonly code: number; readonly reason: string }
  /** The connection is gone; the message may have arrived. */
  | { readonly kind: 'lost' }
  /** The client cannot put it into the protocol: it was not sent. */
  | { readonly kind: 'unfit'; readonly reason: string };

interface Pending {
  readonly publication: Publication;
  returned?: string;
}

/**
 * A channel in confirm mode. A message that no queue takes is returned before it is confirmed, which is how the two are put
 * together.
 */
export class ConfirmedChannel {
  private readonly pending = new Map<string, Pending[]>();
  private closedBy: { readonly code: number; readonly reason: string } | undefined;
  private ended = false;

  constructor(
    private readonly channel: ConfirmChannel,
    onEnd: () => void,
  ) {
    channel.on('return', ({ fields, properties }) => {
      const { exchange, routingKey } = fields;
      const { replyCode, replyText } = fields as typeof fields & { replyCode: number; replyText: string };
      // Two messages of one id and one route: if one of them has no queue, the other has none either.
      const returned = this.pending
        .get(String(properties.messageId))
        ?.find((entry) => isOn(entry, exchange, routingKey) && entry.returned === undefined);
      if (returned) returned.returned = `${replyCode} ${replyText}`;
    });
    channel.on('error', (error: Error & { code?: number }) => {
      this.closedBy = { code: error.code ?? 0, reason: error.message };
    });
    channel.on('close', () => {
      this.ended = true;
      onEnd();
    });
  }

  get open(): boolean {
    return !this.ended;
  }

  async send(publication: Publication): Promise<Answer> {
    const { exchange, routingKey, body, properties } = publication;
    if (this.ended) return this.gone();
    const entry: Pending = { publication };
    const confirmed = new Promise<boolean>((resolve, reject) => {
      try {
        this.channel.publish(exchange, routingKey, body, properties, (error) => resolve(error === null));
      } catch (error) {
        reject(error); // it says what does not fit; nothing was written
      }
    });
    this.add(entry);
    try {
      const acknowledged = await confirmed;
      if (entry.returned !== undefined) return { kind: 'returned', reason: entry.returned };
      if (acknowledged) return { kind: 'confirmed' };
      // By now the channel's own events have come, if it was its end that answered.
      return this.ended ? this.gone() : { kind: 'nacked' };
    } catch (error) {
      return this.ended ? this.gone() : { kind: 'unfit', reason: (error as Error).message };
    } finally {
      this.remove(entry);
    }
  }

  async close(): Promise<void> {
    if (!this.ended) await this.channel.close().catch(() => undefined); // it ended by itself meanwhile
  }

  private gone(): Answer {
    return this.closedBy ? { kind: 'channelClosed', ...this.closedBy } : { kind: 'lost' };
  }

  private add(entry: Pending): void {
    const { messageId } = entry.publication.properties;
    const entries = this.pending.get(messageId);
    if (entries) entries.push(entry);
    else this.pending.set(messageId, [entry]);
  }

  private remove(entry: Pending): void {
    const { messageId } = entry.publication.properties;
    const left = this.pending.get(messageId)?.filter((other) => other !== entry) ?? [];
    if (left.length > 0) this.pending.set(messageId, left);
    else this.pending.delete(messageId);
  }
}

function isOn({ publication }: Pending, exchange: string, routingKey: string): boolean {
  return publication.exchange === exchange && publication.routingKey === routingKey;
}
