import { fixed, type RetryPolicy } from 'nestjs-turnpike/timing';
import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { describe, expect, it } from 'vitest';
import { PublisherUnavailableError } from '../outbox.errors.js';
import { MemoryOutboxStorage } from '../testing/memory-outbox-storage.js';
import type { OutgoingMessage } from './message.js';
import type { OutboxStorage } from './outbox-storage.js';
import type { Publisher } from './publisher.js';
import { OutboxRelay } from './relay.js';
import { StoredMessage } from './stored-message.js';

/** A message whose handler ends its process. */
const POISON = 'poison';
const MAX_IN_FLIGHT = 4;

/** Processes that take one shard over from each other, always after a lease that expired. */
class Succession {
  readonly clock = new ManualClock();
  readonly tables = new MemoryOutboxStorage(() => this.clock.now());
  readonly arrived: string[] = [];
  /** The messages of each call. */
  readonly calls: string[][] = [];
  readonly leased = new Set([0]);
  decide: (message: OutgoingMessage) => Error | undefined = () => undefined;
  /** Asked before every statement: the error it fails with, if any. */
  beforeStatement: (name: keyof OutboxStorage) => Error | undefined = () => undefined;
  relay: OutboxRelay | undefined;
  crashes = 0;

  constructor(private readonly retry: RetryPolicy = fixed(3, 100).withJitter(0)) {}

  async publish(...ids: string[]): Promise<void> {
    const tx = this.tables.begin();
    for (const id of ids) {
      const [key = ''] = id.split('/');
      const rest = { namespace: 'n', destination: 'd', topic: 't', contentType: 'application/json', headers: {} };
      await this.tables.publish(tx, [{ shard: 0, messageId: id, key, payload: Buffer.from('{}'), ...rest }]);
    }
    tx.commit();
  }

  /** A new process, after the former one has ended in whatever it did. */
  succeed(): OutboxRelay {
    const life = { ended: false };
    const publisher: Publisher = {
      publish: async (messages): Promise<void> => {
        if (life.ended) await never();
        this.calls.push(messages.map(({ id }) => id));
        await this.clock.sleep(5);
        if (life.ended) await never();
        if (messages.some(({ id }) => id.endsWith(POISON))) {
          life.ended = true;
          this.crashes += 1;
          await never();
        }
        const [message] = messages;
        const error = message && this.decide(message);
        if (error) throw error;
        this.arrived.push(...messages.map(({ id }) => id));
      },
    };
    const storage = new Proxy(this.tables, {
      get:
        (target, name: keyof OutboxStorage) =>
        async (...args: never[]): Promise<unknown> => {
          const error = this.beforeStatement(name);
          if (life.ended) return never();
          if (error) throw error;
          return (target[name] as (...all: never[]) => Promise<unknown>).call(target, ...args);
        },
    });
    const { clock, retry } = this;
    const nothing = (): void => undefined;
    const relay = new OutboxRelay({
      storage,
      publishers: new Map([['d', publisher]]),
      retry,
      clock,
      holds: (shard) => !life.ended && this.leased.has(shard),
      toMessage: (entry, attempt) => new StoredMessage(entry, attempt),
      afterDeadLetter: 'hold',
      concurrencyLimit: 1,
      pollMs: () => 200,
      batchSize: 100,
      maxInFlight: MAX_IN_FLIGHT,
      publishTimeoutMs: 1000,
      observer: {
        called: nothing,
        settled: nothing,
        failed: nothing,
        deadLettered: nothing,
        outage: nothing,
        foundLate: nothing,
        storageFailed: nothing,
      },
    });
    this.relay = relay;
    relay.assign([0], { afterExpiry: true });
    relay.start();
    return relay;
  }

  async run(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 5) await this.clock.advance(5);
  }

  async dead(): Promise<{ messageId: string; attempts: number }[]> {
    const dead = await this.tables.deadLetters({}, 100);
    return dead.map(({ messageId, attempts }) => ({ messageId, attempts }));
  }

  async parked(): Promise<{ messageId: string; attempts: number }[]> {
    const { due } = await this.tables.due([0], ['d'], 100);
    return due.map(({ messageId, attempts }) => ({ messageId, attempts }));
  }
}

const never = (): Promise<never> => new Promise(() => undefined);

describe('After a lease that expired', () => {
  it('finds the message that ends its process behind a long backlog of one key, too', async () => {
    const line = new Succession();
    await line.publish(...Array.from({ length: 300 }, (_, n) => `a/${n}`), `b/${POISON}`);
    line.succeed();
    for (let life = 0; life < 10 && line.crashes >= life; life += 1) {
      await line.run(4000);
      if (line.crashes > life) line.succeed();
    }
    expect([line.crashes, await line.dead()]).toEqual([3, [{ messageId: `b/${POISON}`, attempts: 3 }]]);
    expect(new Set(line.arrived).size).toBe(300);
  });

  it('the first messages of as many keys as may be in calls are sent one by one, and the rest as ever', async () => {
    const line = new Succession();
    await line.publish('a/1', 'a/2', 'b/1', 'c/1', 'd/1', 'e/1', 'f/1');
    line.succeed();
    await line.run(1000);
    expect(line.calls.slice(0, MAX_IN_FLIGHT)).toEqual([['a/1'], ['b/1'], ['c/1'], ['d/1']]);
    expect(line.calls.slice(MAX_IN_FLIGHT)).toEqual([['a/2', 'e/1', 'f/1']]);
  });

  it('each attempt is stored before it begins', async () => {
    const line = new Succession();
    await line.publish('a/1');
    line.succeed();
    await line.clock.advance(1);
    expect(line.calls).toEqual([['a/1']]);
    expect(await line.parked()).toEqual([{ messageId: 'a/1', attempts: 1 }]);
  });

  it('a message that ends its process every time is dead-lettered alone after its attempts; the others arrive', async () => {
    const line = new Succession();
    await line.publish('a/1', 'b/1', `c/${POISON}`, 'd/1', 'e/1', 'c/2');
    line.succeed();
    for (let life = 0; life < 10 && line.crashes >= life; life += 1) {
      await line.run(2000);
      if (line.crashes > life) line.succeed();
    }
    // Once in a call with others, or alone, and then as often as it has attempts.
    expect(line.crashes).toBe(3);
    expect(await line.dead()).toEqual([{ messageId: `c/${POISON}`, attempts: 3 }]);
    expect(new Set(line.arrived)).toEqual(new Set(['a/1', 'b/1', 'd/1', 'e/1']));
    const { pending, parked } = await line.tables.backlog([0]);
    expect(pending + parked).toBe(1); // what waits behind the dead letter
  });

  it('nothing is sent to a destination that is paused', async () => {
    const line = new Succession();
    await line.publish('a/1', 'b/1');
    line.succeed().pause();
    await line.run(1000);
    expect(line.calls).toEqual([]);
    line.relay?.resume();
    await line.run(1000);
    expect(new Set(line.arrived)).toEqual(new Set(['a/1', 'b/1']));
  });

  it('an outage burns no attempt, however often the process ends in it', async () => {
    const line = new Succession(fixed(1, 100));
    line.decide = () => new PublisherUnavailableError('away');
    await line.publish('a/1', 'b/1', 'c/1');
    for (let life = 0; life < 5; life += 1) {
      await line.relay?.stop();
      line.succeed();
      await line.run(500);
    }
    line.decide = () => undefined;
    await line.run(60_000);
    expect(await line.dead()).toEqual([]);
    expect(new Set(line.arrived)).toEqual(new Set(['a/1', 'b/1', 'c/1']));
  });

  it('three that fail of as many keys are an outage too, and none is blamed', async () => {
    const line = new Succession(fixed(2, 100));
    line.decide = () => new Error('no');
    await line.publish('a/1', 'b/1', 'c/1', 'd/1');
    line.succeed();
    await line.run(500);
    expect(line.calls).toEqual([['a/1'], ['b/1'], ['c/1']]);
    expect((await line.parked()).map(({ attempts }) => attempts)).toEqual([0, 0, 0]);
  });

  it('nothing begins when the lease ends while an attempt is stored, and the attempt does not count', async () => {
    const line = new Succession();
    await line.publish('a/1');
    line.beforeStatement = (name) => {
      if (name === 'rearrange') line.leased.clear();
      return undefined;
    };
    line.succeed();
    await line.run(1000);
    expect(line.calls).toEqual([]);
    expect(await line.parked()).toEqual([{ messageId: 'a/1', attempts: 0 }]);
  });

  it('a shard is not given back while one of its messages is sent', async () => {
    const line = new Succession();
    await line.publish('a/1');
    const relay = line.succeed();
    await line.clock.advance(1);
    let revoked = false;
    void relay.revoke([0]).then(() => (revoked = true));
    await line.clock.advance(1);
    expect([line.calls, revoked]).toEqual([[['a/1']], false]);
    await line.run(50);
    expect([line.arrived, revoked]).toEqual([['a/1'], true]);
  });

  it.each([1, 2, 3, 4])('no key overtakes one that failed, although statement %i of it was not stored', async (at) => {
    const line = new Succession(fixed(0, 100).withJitter(0));
    let attempts = 0;
    line.decide = ({ id }) => (id === 'a/1' && (attempts += 1) < 3 ? new Error('no') : undefined);
    await line.publish('a/1', 'a/2');
    let statements = 0;
    line.beforeStatement = (name) => (name === 'rearrange' && (statements += 1) === at ? new Error('cut') : undefined);
    line.succeed();
    await line.run(10_000);
    expect(line.arrived).toEqual(['a/1', 'a/2']);
  });

  it.each([1, 2])(
    'a message that has arrived is not sent again, although statement %i of it was not stored',
    async (at) => {
      const line = new Succession();
      await line.publish('a/1');
      let statements = 0;
      line.beforeStatement = (name) =>
        name === 'rearrange' && (statements += 1) === at ? new Error('cut') : undefined;
      line.succeed();
      await line.run(10_000);
      expect(line.calls).toEqual([['a/1']]);
      expect(await line.tables.backlog([0])).toMatchObject({ pending: 0, parked: 0 });
    },
  );
});
