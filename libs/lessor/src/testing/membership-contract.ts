import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { LeaseStore } from '../core/lease-store.js';
import type { LeaseStoreRule } from './lease-store-contract.js';

const LONG_MS = 60_000;
const newSection = (): string => `contract-${randomUUID()}`;
const ids = async (store: LeaseStore, section: string): Promise<string[]> =>
  (await store.members(section)).map(({ id }) => id).toSorted();

/** The rules of `heartbeat` and `members`. */
export const membershipRules: readonly LeaseStoreRule[] = [
  [
    'counts as members who sent a heartbeat, in their own section',
    async ({ store, other }) => {
      const section = newSection();
      assert.deepEqual(await store.members(section), []);
      await store.heartbeat(section, 'b', LONG_MS);
      await other.heartbeat(section, 'a', LONG_MS);
      await other.heartbeat(newSection(), 'c', LONG_MS);
      assert.deepEqual(await ids(store, section), ['a', 'b']);
    },
  ],
  [
    'says how long a member lives without another heartbeat',
    async ({ store, other }) => {
      const section = newSection();
      await store.heartbeat(section, 'a', 1000);
      await store.heartbeat(section, 'a', LONG_MS);
      const [member] = await other.members(section);
      assert.ok(member && member.endsInMs > LONG_MS / 2 && member.endsInMs <= LONG_MS);
    },
  ],
  [
    'forgets a member that falls silent, and one that leaves',
    async ({ store, other, pass }) => {
      const section = newSection();
      await store.heartbeat(section, 'silent', 20);
      await store.heartbeat(section, 'left', LONG_MS);
      await other.heartbeat(section, 'stayed', LONG_MS);
      await store.heartbeat(section, 'left', 0);
      await pass(50);
      assert.deepEqual(await ids(other, section), ['stayed']);
    },
  ],
];
