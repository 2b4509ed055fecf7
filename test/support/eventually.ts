import { setTimeout as sleep } from 'node:timers/promises';

const INTERVAL_MS = 20;

/**
 * Waits until `check` passes, and returns what it returned: for what another process or a background loop does, where
 * there is no signal to await. After `withinMs` (10 s by default) it fails with what `check` failed with last.
 */
export async function eventually<R>(check: () => R | Promise<R>, { withinMs = 10_000 } = {}): Promise<R> {
  const endMs = performance.now() + withinMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() >= endMs) throw error;
      await sleep(INTERVAL_MS);
    }
  }
}
