import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { LeaseGrant, LeaseRequest, LeaseStore, LeasedPart } from '../core/lease-store.js';
import { Partition } from '../core/partition.js';
import { membershipRules } from './membership-contract.js';

export interface LeaseStoreHarness {
  readonly store: LeaseStore;
  /** A second store on the same leases, as another process has it (a store in memory is its own other). */
  readonly other: LeaseStore;
  /** Lets the store's clock go on. The rules ask for 50 ms at most. */
  pass(ms: number): Promise<void>;
}

/**
 * One rule of `LeaseStore`, and a check of it that throws when a store breaks it:
 *
 *     for (const [rule, check] of leaseStoreContract) it(rule, () => check(harness));
 */
export type LeaseStoreRule = readonly [rule: string, check: (harness: LeaseStoreHarness) => Promise<void>];

const LONG_MS = 60_000;
const SHORT_MS = 20;

/** A section that no other check uses. */
const newSection = (): string => `contract-${randomUUID()}`;
const part = (text: string): Partition => Partition.parse(text);
const texts = ({ parts }: LeaseGrant): string[] => parts.map(({ partition }) => partition.toString());
const leased = ({ parts, token }: LeaseGrant): LeasedPart[] => parts.map(({ partition }) => ({ partition, token }));
const want = (section: string, desired: string, o: Partial<LeaseRequest> = {}): LeaseRequest => ({
  section,
  holder: 'contract',
  desired: desired === '' ? [] : desired.split(' ').map(part),
  termMs: LONG_MS,
  ...o,
});

const acquiring: readonly LeaseStoreRule[] = [
  [
    'leases all of what is free',
    async ({ store }) => {
      const grant = await store.acquire(want(newSection(), '0_40'));
      assert.deepEqual(texts(grant), ['0_40']);
      assert.equal(grant.freeInMs, undefined);
    },
  ],
  [
    'gives overlapping requests disjoint parts',
    async ({ store, other }) => {
      const section = newSection();
      await store.acquire(want(section, '10_20 30_38'));
      assert.deepEqual(texts(await other.acquire(want(section, '0_40'))), ['0_10', '20_30', '38_40']);
    },
  ],
  [
    'gives nothing when all is taken, and says when it may be free',
    async ({ store, other }) => {
      const section = newSection();
      await store.acquire(want(section, '0_20'));
      await store.acquire(want(section, '20_40', { termMs: 2 * LONG_MS }));
      const { parts, freeInMs = 0 } = await other.acquire(want(section, '10_30'));
      assert.deepEqual(parts, []);
      assert.ok(freeInMs > LONG_MS / 2 && freeInMs <= LONG_MS, `freeInMs is ${freeInMs}`);
    },
  ],
  [
    'does not lease the same keys twice to one request',
    async ({ store }) => {
      const grant = await store.acquire(want(newSection(), '0_20 10_30 0_8'));
      assert.deepEqual(texts(grant), ['0_20', '20_30']);
    },
  ],
  [
    'gives at most as many parts as asked, the first ones',
    async ({ store, other }) => {
      const section = newSection();
      assert.deepEqual(texts(await store.acquire(want(section, '0_1 1_2 2_3 3_4', { limit: 2 }))), ['0_1', '1_2']);
      assert.deepEqual(texts(await other.acquire(want(section, '0_1 1_2 2_3 3_4', { limit: 3 }))), ['2_3', '3_4']);
    },
  ],
  [
    'keeps keys of 32 bytes exactly',
    async ({ store, other }) => {
      const section = newSection();
      const [low, high] = Partition.universe(32).split(2) as [Partition, Partition];
      await store.acquire(want(section, low.toString()));
      assert.deepEqual(texts(await other.acquire(want(section, Partition.universe(32).toString()))), [high.toString()]);
    },
  ],
  [
    'keeps sections apart, byte for byte',
    async ({ store, other }) => {
      const section = newSection();
      await store.acquire(want(section, '0_40'));
      assert.deepEqual(texts(await other.acquire(want(section.toUpperCase(), '0_40'))), ['0_40']);
      assert.deepEqual(texts(await other.acquire(want(`${section}ä'"\\`, '0_40'))), ['0_40']);
    },
  ],
  [
    'lets requests at the same time take turns: no key twice, no token twice, no error',
    async ({ store, other }) => {
      const section = newSection();
      const grants = await Promise.all(
        Array.from({ length: 40 }, (_, index) =>
          (index % 2 ? store : other).acquire(want(section, `${index.toString(16)}_${(index + 9).toString(16)}`)),
        ),
      );
      const parts = grants.flatMap((grant) => grant.parts.map(({ partition }) => partition));
      const size = parts.reduce((sum, { size }) => sum + size, 0n);
      assert.equal(size, 48n, 'every key from 0 to 47 once');
      assert.ok(parts.every((one, index) => !parts.slice(index + 1).some((two) => one.overlaps(two))));
      assert.equal(new Set(grants.map(({ token }) => token)).size, 40);
    },
  ],
];

const ending: readonly LeaseStoreRule[] = [
  [
    'takes an expired lease for free, and tells its next holder of it, once',
    async ({ store, other, pass }) => {
      const section = newSection();
      await store.acquire(want(section, '0_1 1_2', { termMs: SHORT_MS }));
      await pass(50);
      const first = await other.acquire(want(section, '1_4'));
      assert.deepEqual(texts(first), ['1_4']);
      assert.equal(first.parts[0]?.afterExpiry, true);
      await other.release(section, leased(first));
      assert.equal((await store.acquire(want(section, '1_4'))).parts[0]?.afterExpiry, false);
      const last = await store.acquire(want(section, '0_1'));
      assert.equal(last.parts[0]?.afterExpiry, true, 'the part that nobody took in between');
    },
  ],
  [
    'takes over thousands of parts whose leases expired, renews and releases them',
    async ({ store, other, pass }) => {
      const section = newSection();
      const shards = Partition.universe(16).split(3000);
      await store.acquire(want(section, '', { desired: shards, termMs: SHORT_MS }));
      await pass(50);
      const grant = await other.acquire(want(section, '', { desired: shards, limit: 2500 }));
      assert.equal(grant.parts.length, 2500);
      assert.ok(grant.parts.every(({ afterExpiry }) => afterExpiry));
      assert.equal((await other.renew(section, leased(grant), LONG_MS)).length, 2500);
      await other.release(section, leased(grant));
      const next = await store.acquire(want(section, '', { desired: shards }));
      assert.deepEqual(
        next.parts.map(({ afterExpiry }) => afterExpiry),
        shards.map((_, index) => index >= 2500),
      );
    },
  ],
  [
    'frees what is released at once',
    async ({ store, other }) => {
      const section = newSection();
      const grant = await store.acquire(want(section, '0_1 1_2'));
      await store.release(section, leased(grant).slice(0, 1));
      const next = await other.acquire(want(section, '0_2'));
      assert.deepEqual(texts(next), ['0_1']);
      assert.equal(next.parts[0]?.afterExpiry, false);
    },
  ],
  [
    'takes a release after the expiry as left in order',
    async ({ store, other, pass }) => {
      const section = newSection();
      const grant = await store.acquire(want(section, '0_1', { termMs: SHORT_MS }));
      await pass(50);
      await store.release(section, leased(grant));
      assert.equal((await other.acquire(want(section, '0_1'))).parts[0]?.afterExpiry, false);
    },
  ],
  [
    'does not let a late release free a later lease',
    async ({ store, other }) => {
      const section = newSection();
      const early = await store.acquire(want(section, '0_1'));
      await store.release(section, leased(early));
      await store.acquire(want(section, '0_1'));
      await store.release(section, leased(early));
      assert.deepEqual(texts(await other.acquire(want(section, '0_1'))), []);
    },
  ],
  [
    'raises the token with every request, also with those that get nothing, and when no lease is left',
    async ({ store, other }) => {
      const section = newSection();
      const first = await store.acquire(want(section, '0_1'));
      const second = await other.acquire(want(section, '0_1'));
      await store.release(section, leased(first));
      const third = await other.acquire(want(section, '0_1'));
      assert.ok(first.token > 0n && second.token > first.token && third.token > second.token);
    },
  ],
];

const renewing: readonly LeaseStoreRule[] = [
  [
    'lets a renewed lease run from now, whichever of its tokens it has',
    async ({ store, other }) => {
      const section = newSection();
      const parts = [
        ...leased(await store.acquire(want(section, '0_1 1_2'))),
        ...leased(await store.acquire(want(section, '2_3'))),
      ];
      assert.deepEqual(await store.renew(section, parts, 10 * LONG_MS), parts);
      const { freeInMs = 0 } = await other.acquire(want(section, '0_3'));
      assert.ok(freeInMs > 9 * LONG_MS, `freeInMs is ${freeInMs}`);
    },
  ],
  [
    'does not revive what expired or was released, and renews the rest',
    async ({ store, pass }) => {
      const section = newSection();
      const expired = leased(await store.acquire(want(section, '0_1', { termMs: SHORT_MS })));
      const released = leased(await store.acquire(want(section, '1_2')));
      const kept = leased(await store.acquire(want(section, '2_3')));
      await store.release(section, released);
      await pass(50);
      assert.deepEqual(await store.renew(section, [...expired, ...released, ...kept], LONG_MS), kept);
      assert.equal((await store.acquire(want(section, '0_1'))).parts[0]?.afterExpiry, true);
    },
  ],
  [
    "does not renew another holder's lease of the same part",
    async ({ store, other }) => {
      const section = newSection();
      const early = await store.acquire(want(section, '0_1'));
      await store.release(section, leased(early));
      await other.acquire(want(section, '0_1'));
      assert.deepEqual(await store.renew(section, leased(early), LONG_MS), []);
    },
  ],
  [
    'takes an empty list',
    async ({ store }) => {
      const section = newSection();
      assert.deepEqual(await store.renew(section, [], LONG_MS), []);
      await store.release(section, []);
      assert.deepEqual((await store.acquire(want(section, '0_1', { desired: [] }))).parts, []);
    },
  ],
];

/** The rules of `LeaseStore`, for every store. */
export const leaseStoreContract: readonly LeaseStoreRule[] = [...acquiring, ...ending, ...renewing, ...membershipRules];
