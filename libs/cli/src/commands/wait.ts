import { setTimeout as sleep } from 'node:timers/promises';
import { Option } from 'commander';
import type { OutboxOperator } from 'nestjs-turnpike/outbox';
import type { Context } from '../context.js';
import { parseDurationMs } from '../duration.js';
import { plural } from '../core/plural.js';

const LOOK_EVERY_MS = 200;

export const waitOption = (): Option =>
  new Option('--wait [duration]', 'until the relays have carried it out (default: 1m); 1 when they have not by then')
    .argParser(parseDurationMs)
    .preset('1m');

/** Tells how far the relays are. Gives what is left when the time is over; undefined when there was nothing to wait for. */
export async function waitUntilCarriedOut(
  { reporter, terminal }: Context,
  operator: OutboxOperator,
  waitMs: number | undefined,
): Promise<number | undefined> {
  if (waitMs === undefined) return undefined;
  const endMs = performance.now() + waitMs;
  for (;;) {
    const left = await operator.outstanding();
    if (left === 0 || performance.now() >= endMs || terminal.signal.aborted) return left;
    reporter.progress(`${plural(left, 'request')} still to be carried out by the relays.`);
    await sleep(Math.min(LOOK_EVERY_MS, Math.max(0, endMs - performance.now())), undefined, {
      signal: terminal.signal,
    }).catch(() => undefined);
  }
}
