import { randomUUID } from 'node:crypto';
import type { OutgoingMessage, Publisher } from 'nestjs-turnpike/outbox';

export const PAYLOAD_BYTES = 256;
/** As many messages without an answer at a time, in each lane. */
export const IN_FLIGHT = 1000;

/** One broker: our publisher on it, and its client by itself, with the same acknowledgement. */
export interface Lane {
  readonly name: string;
  /** Messages of a run. */
  readonly count: number;
  readonly publisher: Publisher;
  /** Sends the same messages, field by field, as fast as the client can, and waits until all are acknowledged. */
  client(all: readonly OutgoingMessage[]): Promise<void>;
  /** As `client`, and nothing but their bodies. */
  bare(all: readonly OutgoingMessage[]): Promise<void>;
  /** Throws unless so many messages have arrived; they are removed. */
  check(count: number): Promise<void>;
  close(): Promise<void>;
}

const KEYS = 1000;
const body = Buffer.from(JSON.stringify({ text: 'x'.repeat(PAYLOAD_BYTES - '{"text":""}'.length) }));

/** As the relay gives them. */
export function messages(count: number): OutgoingMessage[] {
  return Array.from({ length: count }, (_, index) => ({
    id: randomUUID(),
    topic: 'bench',
    namespace: 'default',
    key: `key-${index % KEYS}`,
    payload: undefined,
    body,
    contentType: 'application/json',
    headers: {},
    attempt: 1,
    createdAtMs: Date.now(),
  }));
}

/** For each message one call at a time, so many at once: for clients that take one at a time. */
export async function one(
  atOnce: number,
  all: readonly OutgoingMessage[],
  work: (message: OutgoingMessage) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let message = all[next++]; message; message = all[next++]) await work(message);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** Gives them to the publisher as the relay does: in calls of its batch size, as many at a time as fit in flight. */
export async function publishAll(
  publisher: Publisher,
  all: readonly OutgoingMessage[],
  inFlight: number,
): Promise<void> {
  const batchSize = publisher.batchSize ?? 20;
  await workers(Math.max(1, Math.floor(inFlight / batchSize)), all, batchSize, (some) =>
    publisher.publish(some, { namespace: 'default', signal: new AbortController().signal }),
  );
}

/** So many workers share the messages; each takes `step` of them at a time. */
export async function workers(
  atOnce: number,
  all: readonly OutgoingMessage[],
  step: number,
  work: (some: readonly OutgoingMessage[]) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < all.length) {
      const from = next;
      next = Math.min(next + step, all.length);
      await work(all.slice(from, next));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
