import { fixed } from 'nestjs-turnpike/timing';
import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { describe, expect, it } from 'vitest';
import { NonRetryableError, PublisherUnavailableError } from '../outbox.errors.js';
import { MemoryOutbox, type MemoryOutboxOptions } from '../testing/memory-outbox.js';
import { RecordingPublisher } from '../testing/recording-publisher.js';

/** A running relay on a clock that the test moves, and a publisher that fails as told. */
function start(
  decide: ConstructorParameters<typeof RecordingPublisher>[0],
  { relay, ...options }: MemoryOutboxOptions = {},
) {
  const clock = new ManualClock();
  const publisher = new RecordingPublisher(decide);
  const outbox = new MemoryOutbox({ publisher, ...options, relay: { ...relay, clock } });
  outbox.relay.start();
  const publish = (key: string | undefined, ...payloads: unknown[]): Promise<void> =>
    outbox.publish(...(payloads.map((payload) => ({ topic: 't', key, payload })) as [never]));
  return { clock, publisher, outbox, publish };
}

describe('A key whose message became a dead letter', () => {
  it('goes on at once with deadLetter.key continue, message by message', async () => {
    const { clock, publisher, publish } = start(
      ({ payload }) => (payload === 'bad' ? new NonRetryableError('never') : undefined),
      { deadLetter: { key: 'continue' } },
    );
    await publish('k', 'bad');
    await clock.advance(100);
    await publish('k', 1, 2, 3, 4);
    await clock.advance(100);
    expect(publisher.payloads()).toEqual([1, 2, 3, 4]);
  });
});

/** So few that a handful of messages of one key is more than may be in memory. */
const SMALL = { batchSize: 4 };
const TEN = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

describe('A failed message with more behind it than may be in memory', () => {
  it('is retried by its policy, and not as often as the relay looks', async () => {
    const { clock, publisher, publish } = start(({ payload }) => (payload === 1 ? new Error('no') : undefined), {
      relay: SMALL,
      retry: fixed(0, 10_000).withJitter(0),
    });
    await publish('k', ...TEN);
    await clock.advance(9_900);
    expect(publisher.attempts).toHaveLength(1);
    await clock.advance(10_000);
    expect(publisher.attempts.map(({ payload }) => payload)).toEqual([1, 1]);
  });

  it('holds them all when it becomes a dead letter', async () => {
    const { clock, publisher, publish } = start(
      ({ payload }) => (payload === 1 ? new NonRetryableError('no') : undefined),
      {
        relay: SMALL,
      },
    );
    await publish('k', ...TEN);
    await clock.advance(60_000);
    expect(publisher.messages).toEqual([]);
  });

  it.each([false, true])(
    'comes before them for the next owner, too (after a lease that expired: %s)',
    async (afterExpiry) => {
      let failing = true;
      const { clock, publisher, publish, outbox } = start(
        ({ payload }) => (failing && payload === 1 ? new Error('no') : undefined),
        { relay: SMALL, retry: fixed(0, 10_000).withJitter(0) },
      );
      await publish('k', ...TEN);
      await clock.advance(100);
      await outbox.relay.revoke(outbox.relay.assigned);
      failing = false;
      outbox.relay.assign([...Array(8).keys()], { afterExpiry });
      await clock.advance(60_000);
      expect(publisher.payloads()).toEqual(TEN);
    },
  );
});

describe('A dead letter that is requeued', () => {
  it('goes out before what waits for a later dead letter, which goes on waiting', async () => {
    const bad = new Set([1, 3]);
    const { clock, publisher, publish, outbox } = start(({ payload }) =>
      bad.has(payload as number) ? new NonRetryableError('no') : undefined,
    );
    await publish('k', ...TEN);
    await clock.advance(1000);
    await outbox.heldKeys.release({ namespace: 'default', destination: 'default', key: 'k' });
    await clock.advance(1000);
    expect(publisher.payloads()).toEqual([2]);
    bad.clear();
    const [, first] = await outbox.deadLetters.list();
    await outbox.deadLetters.requeue({ ids: [first?.id ?? 0n] });
    await clock.advance(60_000);
    expect(publisher.payloads()).toEqual([2, 1]);
    await outbox.deadLetters.requeue({ key: 'k' });
    await clock.advance(60_000);
    expect(publisher.payloads()).toEqual([2, 1, 3, 4, 5, 6, 7, 8, 9, 10]);
  });
});

describe('On a quiet system', () => {
  it('one message that always fails is a dead letter after its attempts: alone, it makes no outage', async () => {
    const { clock, publisher, publish, outbox } = start(() => new Error('no'), { retry: fixed(5, 1000).withJitter(0) });
    await publish('k', 'poison');
    await pass(clock, 60_000);
    expect(publisher.attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5]);
    expect(await outbox.deadLetters.list()).toMatchObject([{ key: 'k', attempts: 5 }]);
  });

  it.each<[string, Error, string[]]>([
    ['says that it is away', new PublisherUnavailableError('away'), ['a']],
    ['only fails', new Error('no'), ['a', 'b', 'c', 'd']],
  ])('an outage of ten minutes burns no attempt of any message: a destination that %s', async (_what, error, keys) => {
    let away = true;
    const { clock, publisher, publish, outbox } = start(() => (away ? error : undefined), {
      retry: fixed(2, 1000).withJitter(0),
    });
    for (const key of keys) await publish(key, ...TEN);
    await pass(clock, 600_000);
    expect([publisher.messages, await outbox.deadLetters.list()]).toEqual([[], []]);
    away = false;
    await pass(clock, 60_000);
    for (const key of keys) expect(publisher.payloads(key)).toEqual(TEN);
    expect(new Set(publisher.messages.map(({ attempt }) => attempt))).toEqual(new Set([1]));
  });
});

/** In steps: what goes on without timers has its turns between them. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 250) await clock.advance(250);
}
