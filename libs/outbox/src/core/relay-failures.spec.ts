import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { describe, expect, it } from 'vitest';
import { NonRetryableError } from '../outbox.errors.js';
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
