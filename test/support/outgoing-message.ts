import { randomUUID } from 'node:crypto';
import type { OutgoingMessage } from 'nestjs-turnpike/outbox';

/** A message as the relay gives it to a publisher. */
export function outgoing(fields: Partial<OutgoingMessage> = {}): OutgoingMessage {
  const payload = fields.payload ?? { orderId: 'o-1' };
  return {
    id: randomUUID(),
    topic: 'order.placed',
    namespace: 'default',
    key: undefined,
    payload,
    body: payload instanceof Uint8Array ? payload : Buffer.from(JSON.stringify(payload)),
    contentType: payload instanceof Uint8Array ? 'application/octet-stream' : 'application/json',
    headers: {},
    attempt: 1,
    createdAtMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
    ...fields,
  };
}
