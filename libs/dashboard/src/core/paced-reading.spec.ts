import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { describe, expect, it } from 'vitest';
import { PacedReading } from './paced-reading.js';

describe('PacedReading', () => {
  const clock = new ManualClock();

  it('takes no more than its share of the time', async () => {
    let reads = 0;
    const reading = new PacedReading(
      async () => {
        await clock.sleep(50);
        return (reads += 1);
      },
      clock,
      0.1,
    );
    const first = reading.refresh();
    await clock.advance(50);
    await first;
    expect(reading.value).toBe(1);

    await clock.advance(449);
    await reading.refresh(); // at once: nothing is read
    await reading.refresh(0.5);
    expect(reads).toBe(1);
    await clock.advance(1);
    const second = reading.refresh();
    await clock.advance(50);
    await second;
    expect([reads, reading.value]).toEqual([2, 2]);
  });

  it('waits for its turn where that is soon', async () => {
    let reads = 0;
    const reading = new PacedReading(
      async () => {
        await clock.sleep(100);
        reads += 1;
      },
      clock,
      0.25,
    );
    void reading.refresh();
    await clock.advance(200); // it was over after 100, and is not to be read before 400
    const refreshed = reading.refresh(200);
    await clock.advance(299);
    expect(reads).toBe(1);
    await clock.advance(1);
    await refreshed;
    expect(reads).toBe(2);
  });

  it('asks nothing more while it is being answered', async () => {
    let reads = 0;
    const reading = new PacedReading(
      () => {
        reads += 1;
        return clock.sleep(60_000);
      },
      clock,
      0.1,
    );
    const first = reading.refresh();
    await clock.advance(30_000);
    expect(reading.refresh()).toBe(first);
    expect([reads, reading.value, reading.unansweredMs]).toEqual([1, undefined, 30_000]);
    await clock.advance(30_000);
    await first;
    expect(reading.unansweredMs).toBe(0);
  });

  it('keeps what it had when a reading fails, and says why', async () => {
    let fails = false;
    const reading = new PacedReading(
      async () => {
        if (fails) throw new Error('connection refused');
        return 'read';
      },
      clock,
      0.1,
    );
    await reading.refresh();
    expect([reading.value, reading.problem]).toEqual(['read', undefined]);
    fails = true;
    await clock.advance(1000);
    await reading.refresh();
    expect([reading.value, reading.problem]).toEqual(['read', 'connection refused']);
    fails = false;
    await reading.refresh();
    expect(reading.problem).toBeUndefined();
  });
});
