import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Lease, Lessor } from '../core/lessor.js';
import { Partition } from '../core/partition.js';
import { LeaseEndedError } from '../lessor.errors.js';

/**
 * One rule of `Lessor`, and a check of it that throws when a lessor breaks it. `lessor` and `other` lease from the same
 * place, as two processes do (one in memory is its own other).
 */
export type LessorRule = readonly [rule: string, check: (lessor: Lessor, other: Lessor) => Promise<void>];

const LONG_MS = 60_000;
const newSection = (): string => `contract-${randomUUID()}`;
const ALL = Partition.fromInts(0, 64);
const parts = async (parts: readonly Partition[]): Promise<string[]> => parts.map(String);

/** The rules of `Lessor`, for every lessor. */
export const lessorContract: readonly LessorRule[] = [
  [
    'gives a request inside a lease nothing, and still runs its work',
    async (lessor, other) => {
      const section = newSection();
      const inner = await lessor.withLease(section, ALL, LONG_MS, () =>
        other.withLease(section, Partition.fromInts(3, 5), LONG_MS, parts),
      );
      assert.deepEqual(inner, []);
    },
  ],
  [
    'gives what is left of an overlapping request',
    async (lessor, other) => {
      const section = newSection();
      const inner = await lessor.withLease(section, Partition.fromInts(16, 32), LONG_MS, () =>
        other.withLease(section, ALL, LONG_MS, parts),
      );
      assert.deepEqual(inner, ['0_10', '20_40']);
    },
  ],
  [
    'returns what the work returned, and frees the parts',
    async (lessor, other) => {
      const section = newSection();
      assert.equal(await lessor.withLease(section, ALL, LONG_MS, async () => 42), 42);
      assert.deepEqual(await other.withLease(section, ALL, LONG_MS, parts), ['0_40']);
    },
  ],
  [
    'rethrows what the work threw, and frees the parts',
    async (lessor, other) => {
      const section = newSection();
      const failure = new Error('the work failed');
      await assert.rejects(
        lessor.withLease(section, ALL, LONG_MS, () => Promise.reject(failure)),
        failure,
      );
      assert.deepEqual(await other.withLease(section, ALL, LONG_MS, parts), ['0_40']);
    },
  ],
  [
    'gives every lease of a section a higher token',
    async (lessor, other) => {
      const section = newSection();
      const token = async (_: unknown, lease: Lease): Promise<bigint> => lease.token;
      const first = await lessor.withLease(section, ALL, LONG_MS, token);
      const second = await other.withLease(section, ALL, LONG_MS, token);
      assert.ok(second > first);
    },
  ],
  [
    'aborts the signal by itself when the lease is about to end',
    async (lessor) => {
      const reason = await lessor.withLease(newSection(), ALL, 60, async (_, { signal }) => {
        if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
        return signal.reason as unknown;
      });
      assert.ok(reason instanceof LeaseEndedError);
    },
  ],
  [
    'counts from before it asks: a lease that is over when the answer comes is none',
    async (lessor, other) => {
      const section = newSection();
      const leasing = lessor.withLease(section, ALL, 40, async (parts, { signal }) => {
        assert.deepEqual(parts, []);
        assert.ok(signal.reason instanceof LeaseEndedError);
      });
      // As when the process was busy, or stopped, between asking and being answered.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60);
      await leasing;
      assert.deepEqual(await other.withLease(section, ALL, LONG_MS, parts), ['0_40']);
    },
  ],
  [
    'shortens the lease to the deadline of the caller',
    async (lessor) => {
      const deadlineAtMs = Date.now() + 5000;
      const expiresAtMs = await lessor.withLease(newSection(), ALL, LONG_MS, async (_, lease) => lease.expiresAtMs, {
        deadlineAtMs,
      });
      assert.ok(expiresAtMs <= deadlineAtMs && expiresAtMs > deadlineAtMs - 4000);
    },
  ],
  [
    "follows the caller's signal",
    async (lessor, other) => {
      const section = newSection();
      const caller = new AbortController();
      const reason = new Error('the caller has gone');
      const seen = await lessor.withLease(
        section,
        ALL,
        LONG_MS,
        async (_, { signal }) => {
          caller.abort(reason);
          return signal.reason as unknown;
        },
        { signal: caller.signal },
      );
      assert.equal(seen, reason);
      await assert.rejects(lessor.withLease(section, ALL, LONG_MS, parts, { signal: caller.signal }), reason);
      assert.deepEqual(await other.withLease(section, ALL, LONG_MS, parts), ['0_40']);
    },
  ],
];
