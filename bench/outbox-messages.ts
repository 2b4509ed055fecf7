import type { OutboxMessage, Publisher } from 'nestjs-turnpike/outbox';
import type { OutboxApp } from './outbox-app.js';

export const KEYS = 1000;
export const PAYLOAD_BYTES = 256;
/** What the messages are written with: as many as this in a transaction. */
const PER_TRANSACTION = 500;

const payload = Buffer.alloc(PAYLOAD_BYTES, 'x');

export function message(n: number): OutboxMessage {
  return { topic: 'bench', key: `key-${n % KEYS}`, payload };
}

/** Publishes so many messages, a few transactions at a time. */
export async function publishMany({ outbox, dataSource }: OutboxApp, count: number): Promise<void> {
  let next = 0;
  const writer = async (): Promise<void> => {
    while (next < count) {
      const from = next;
      next += PER_TRANSACTION;
      const messages = Array.from({ length: Math.min(PER_TRANSACTION, count - from) }, (_, n) => message(from + n));
      await dataSource.transaction((tx) => outbox.publish(tx, ...messages));
    }
  };
  await Promise.all(Array.from({ length: 4 }, writer));
}

/** Takes everything at once, and tells when so many have come. */
export class CountingPublisher implements Publisher {
  count = 0;
  private waiting: { readonly count: number; readonly resolve: () => void } | undefined;

  constructor(readonly batchSize: number) {}

  publish(messages: readonly unknown[]): Promise<void> {
    this.count += messages.length;
    if (this.waiting && this.count >= this.waiting.count) this.waiting.resolve();
    return Promise.resolve();
  }

  reached(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.waiting = { count, resolve };
      if (this.count >= count) resolve();
    });
  }
}
