import { fixed } from 'nestjs-turnpike/timing';
import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { describe, expect, it } from 'vitest';
import { MemoryOutboxStorage } from '../testing/memory-outbox-storage.js';
import { RecordingPublisher } from '../testing/recording-publisher.js';
import type { OutboxStorage } from './outbox-storage.js';
import { OutboxRelay } from './relay.js';
import { StoredMessage } from './stored-message.js';

const POLL_MS = 10_000;

/** Relays that share a storage, as processes do, and send to one publisher. */
class Processes {
  readonly clock = new ManualClock();
  readonly tables = new MemoryOutboxStorage(() => this.clock.now());
  readonly publishers = { a: new RecordingPublisher(), b: new RecordingPublisher() };
  failing = false;
  asked = 0;

  constructor(private readonly destinations: readonly ('a' | 'b')[] = ['a', 'b']) {}

  start(shard: number, afterExpiry = false): OutboxRelay {
    const storage = new Proxy<OutboxStorage>(this.tables, {
      get: (target, name: keyof OutboxStorage) => {
        if (name !== 'pauses') return target[name].bind(target);
        this.asked += 1;
        return this.failing ? () => Promise.reject(new Error('cut')) : target.pauses.bind(target);
      },
    });
    const relay = new OutboxRelay({
      storage,
      publishers: new Map(this.destinations.map((name) => [name, this.publishers[name]])),
      retry: fixed(0, 1000),
      clock: this.clock,
      holds: () => true,
      toMessage: (entry, attempt) => new StoredMessage(entry, attempt),
      afterDeadLetter: 'hold',
      concurrencyLimit: 1,
      pollMs: () => POLL_MS,
      batchSize: 5,
      maxInFlight: 10,
      publishTimeoutMs: 30_000,
      observer: {
        called: () => undefined,
        settled: () => undefined,
        failed: () => undefined,
        deadLettered: () => undefined,
        outage: () => undefined,
        foundLate: () => undefined,
        storageFailed: () => undefined,
      },
    });
    relay.assign([shard], { afterExpiry });
    relay.start();
    return relay;
  }

  async publish(shard: number, count: number): Promise<void> {
    const tx = this.tables.begin();
    for (let n = 0; n < count; n += 1) {
      for (const destination of this.destinations) {
        const message = { messageId: `m${n}`, namespace: 'n', topic: 't', key: `k${n}`, payload: Buffer.from('{}') };
        await this.tables.publish(tx, [
          { ...message, shard, destination, contentType: 'application/json', headers: {} },
        ]);
      }
    }
    tx.commit();
  }

  /** In steps: what goes on without timers has its turns between them. */
  async run(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 50) await this.clock.advance(50);
  }

  get arrived(): [a: number, b: number] {
    return [this.publishers.a.messages.length, this.publishers.b.messages.length];
  }
}

describe('A pause for all processes', () => {
  it('is obeyed by every relay within its interval, and so is its end', async () => {
    const processes = new Processes();
    const relays = [processes.start(0), processes.start(1)];
    await processes.run(1000);
    await processes.tables.pause('a');
    await processes.run(POLL_MS);
    for (const shard of [0, 1]) await processes.publish(shard, 3);
    await processes.run(POLL_MS);
    expect(processes.arrived).toEqual([0, 6]);
    expect(relays.map((relay) => relay.stats().destinations[0]?.state)).toEqual(['paused', 'paused']);
    await processes.tables.resume('a');
    await processes.run(POLL_MS);
    expect(processes.arrived).toEqual([6, 6]);
  });

  it.each([false, true])(
    'keeps a relay that starts from sending anything; after an expired lease: %s',
    async (late) => {
      const processes = new Processes();
      await processes.tables.pause();
      await processes.publish(0, 3);
      const relay = processes.start(0, late);
      await processes.run(POLL_MS);
      expect(processes.arrived).toEqual([0, 0]);
      await processes.tables.resume();
      relay.wake();
      await processes.run(1000);
      expect(processes.arrived).toEqual([3, 3]);
    },
  );

  it('ends also where what it has stopped fills the memory', async () => {
    const processes = new Processes(['a']); // one that is alone may fill it
    await processes.tables.pause('a');
    const relay = processes.start(0);
    await processes.publish(0, 100);
    relay.wake();
    await processes.run(POLL_MS);
    expect(relay.stats().destinations[0]?.buffered).toBeGreaterThan(9);
    await processes.tables.resume('a');
    await processes.run(POLL_MS + 1000);
    expect(processes.arrived).toEqual([100, 0]);
    const stopped = relay.stop();
    await processes.run(5000);
    await stopped;
    expect(processes.clock.waiting).toBe(0);
  });

  it('and one of this process end by themselves: both must', async () => {
    const processes = new Processes();
    const relay = processes.start(0);
    relay.pause('a');
    await processes.tables.pause('a');
    await processes.publish(0, 1);
    relay.wake();
    await processes.run(1000);
    relay.resume('a');
    await processes.run(1000);
    expect(processes.arrived).toEqual([0, 1]);
    relay.pause('a');
    await processes.tables.resume('a');
    relay.wake();
    await processes.run(1000);
    expect(processes.arrived).toEqual([0, 1]);
    relay.resume('a');
    await processes.run(1000);
    expect(processes.arrived).toEqual([1, 1]);
  });

  it('that cannot be asked for lets nothing new out, until it can', async () => {
    const processes = new Processes();
    processes.failing = true;
    await processes.publish(0, 1);
    const relay = processes.start(0);
    await processes.run(3000);
    expect(processes.arrived).toEqual([0, 0]);
    expect(relay.stats().lastError).toBe('cut');
    processes.failing = false;
    await processes.run(3000);
    expect(processes.arrived).toEqual([1, 1]);
  });

  it('is asked for once in an interval, however much is published', async () => {
    const processes = new Processes();
    const relay = processes.start(0);
    await processes.run(1000);
    const before = processes.asked;
    for (let n = 0; n < 50; n += 1) {
      await processes.publish(0, 1);
      relay.wake([0]);
      await processes.run(50);
    }
    expect(processes.arrived).toEqual([50, 50]);
    expect(processes.asked).toBe(before);
  });
});
