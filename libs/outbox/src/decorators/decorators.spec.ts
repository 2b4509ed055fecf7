import { describe, expect, it } from 'vitest';
import { OutboxSetupError } from '../outbox.errors.js';
import { OnOutboxMessage, subscriptionsOf, type DeliveryContext } from './on-outbox-message.decorator.js';
import { Publishes } from './publishes.decorator.js';

interface Order {
  readonly id: string;
}

const order: Order = { id: 'o1' };

// The type check is half of this test: each method is one that users write, and a wrong one does not compile.
class Orders {
  @Publishes<Order>({ topic: 'order.placed', key: ({ id }) => id })
  async place(_sku: string): Promise<Order> {
    return order;
  }

  @Publishes<Order>({ topic: 'order.placed' })
  placeAll(): Order[] {
    return [order];
  }

  @Publishes<Order>({ topic: 'order.placed' })
  async placeIfNew(isNew: boolean): Promise<Order | undefined> {
    return isNew ? order : undefined;
  }

  // @ts-expect-error it returns something else than it says it publishes
  @Publishes<Order>({ topic: 'order.placed' })
  async count(): Promise<number> {
    return 1;
  }
}

class Handlers {
  @OnOutboxMessage('order.placed', { consumer: 'mail' })
  @OnOutboxMessage('order.changed', { consumer: 'mail' })
  async mail(_placed: Order, _context: DeliveryContext): Promise<void> {}

  @OnOutboxMessage('order.placed', { consumer: 'log' })
  log(): void {}

  // @ts-expect-error a handler gets the payload and the context, nothing else
  @OnOutboxMessage('order.placed', { consumer: 'wrong' })
  wrong(_placed: Order, _context: DeliveryContext, _more: string): void {}
}

describe('@OnOutboxMessage', () => {
  it('remembers each topic of a method, with its consumer', () => {
    expect(subscriptionsOf(Handlers.prototype.mail)).toEqual([
      { topic: 'order.changed', consumer: 'mail' },
      { topic: 'order.placed', consumer: 'mail' },
    ]);
  });

  it('refuses a missing topic and a consumer that cannot be stored', () => {
    expect(() => OnOutboxMessage('', { consumer: 'mail' })).toThrow(OutboxSetupError);
    expect(() => OnOutboxMessage('order.placed', { consumer: '' })).toThrow(OutboxSetupError);
    expect(() => OnOutboxMessage('order.placed', { consumer: 'c'.repeat(256) })).toThrow(OutboxSetupError);
  });
});

describe('@Publishes', () => {
  it('refuses a missing topic', () => {
    expect(() => Publishes({ topic: '' })).toThrow(OutboxSetupError);
  });

  it('refuses a call on an instance that Nest has not made, which has no outbox', async () => {
    await expect(new Orders().place('mug')).rejects.toThrow(/@Publishes\(\) on Orders\.place\(\)/);
  });
});
