import { exponential } from 'nestjs-turnpike/timing';
import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { describe, expect, it } from 'vitest';
import { NonRetryableError, withNamespace, type Outbox } from '../index.js';
import { MemoryOutbox } from './memory-outbox.js';
import { RecordingPublisher } from './recording-publisher.js';

/** What a user tests. */
class Orders {
  constructor(private readonly outbox: Outbox) {}

  async place(id: string, customer: string): Promise<void> {
    await this.outbox.publish({ topic: 'order.placed', key: customer, payload: { id } });
  }
}

describe('MemoryOutbox', () => {
  it('stands in for the outbox of code that publishes', async () => {
    const outbox = new MemoryOutbox();
    const orders = new Orders(outbox as unknown as Outbox);
    await orders.place('o1', 'c1');
    await withNamespace('tenant', () => orders.place('o2', 'c1'));
    expect(outbox.published.messages).toEqual([]);
    expect(await outbox.relay.pump()).toMatchObject({ read: 2, sent: 2, failed: 0 });
    expect(outbox.published.messages).toMatchObject([
      { id: 'message-1', topic: 'order.placed', key: 'c1', namespace: 'default' },
      { id: 'message-2', namespace: 'tenant' },
    ]);
    expect(outbox.published.payloads('c1')).toEqual([{ id: 'o1' }, { id: 'o2' }]);
  });

  it('retries, delays and buries on a clock that the test moves', async () => {
    const clock = new ManualClock();
    const publisher = new RecordingPublisher(({ payload }) => {
      if (payload === 'never') return new NonRetryableError('refused');
      return payload === 'late' && clock.now() < 100 ? new Error('not yet') : undefined;
    });
    const retry = exponential(0, 100, 100).withJitter(0);
    const outbox = new MemoryOutbox({ publisher, retry, relay: { clock } });
    await outbox.publish(
      { topic: 't', key: 'a', payload: 'late' },
      { topic: 't', key: 'b', payload: 'never' },
      { topic: 't', key: 'c', payload: 'delayed', delayMs: 500 },
    );
    expect(await outbox.relay.pump()).toMatchObject({ sent: 0, failed: 2, deadLettered: 1 });
    expect(await outbox.heldKeys.list()).toMatchObject([{ key: 'b' }, { key: 'a' }]);
    await clock.advance(100);
    await outbox.relay.pump();
    expect(publisher.payloads()).toEqual(['late']);
    await clock.advance(400);
    await outbox.relay.pump();
    await outbox.relay.pump();
    expect(publisher.payloads()).toEqual(['late', 'delayed']);
    expect(await outbox.deadLetters.list()).toMatchObject([{ key: 'b', history: [{ error: 'refused' }] }]);
    await outbox.deadLetters.purge({ all: true });
    await outbox.relay.pump();
    expect(await outbox.heldKeys.list()).toEqual([]);
  });

  it('routes to several publishers', async () => {
    const [a, b] = [new RecordingPublisher(), new RecordingPublisher()];
    const outbox = new MemoryOutbox({ publishers: { a, b }, route: () => ['a', 'b'] });
    await outbox.publish({ topic: 't', payload: 1 });
    await outbox.relay.pump();
    expect([a.payloads(), b.payloads()]).toEqual([[1], [1]]);
  });
});
