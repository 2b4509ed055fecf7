import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { describe, expect, it } from 'vitest';
import { Bell } from './bell.js';

function waiting(bell: Bell, rung = bell.rung): { woken: boolean } {
  const worker = { woken: false };
  void bell.wait(rung).then(() => (worker.woken = true));
  return worker;
}

describe('Bell', () => {
  it('wakes one waiting worker a ring, in the order in which they began to wait', async () => {
    const clock = new ManualClock();
    const bell = new Bell(clock);
    const workers = [waiting(bell), waiting(bell)];
    bell.ring();
    await clock.advance(0);
    expect(workers.map(({ woken }) => woken)).toEqual([true, false]);
  });

  it('does not let a worker wait that has not looked since the last ring', async () => {
    const clock = new ManualClock();
    const bell = new Bell(clock);
    const { rung } = bell;
    bell.ring();
    const worker = waiting(bell, rung);
    await clock.advance(0);
    expect(worker.woken).toBe(true);
  });

  it('rings at the earliest of the times that were asked for', async () => {
    const clock = new ManualClock();
    const bell = new Bell(clock);
    bell.ringIn(100);
    bell.ringIn(50);
    bell.ringIn(80);
    await clock.advance(49);
    expect(bell.rung).toBe(0);
    await clock.advance(100);
    expect(bell.rung).toBe(1);
  });

  it('wakes everyone when it closes, and whoever comes later', async () => {
    const clock = new ManualClock();
    const bell = new Bell(clock);
    const workers = [waiting(bell), waiting(bell)];
    bell.close();
    bell.ringIn(100);
    workers.push(waiting(bell));
    await clock.advance(0);
    expect(workers.map(({ woken }) => woken)).toEqual([true, true, true]);
    expect(clock.waiting).toBe(0);
  });
});
