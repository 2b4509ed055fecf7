import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NewEntry } from './message.js';
import { TransactionEntries } from './transaction-entries.js';

const entry = (messageId: string, shard = 0): NewEntry => ({
  shard,
  messageId,
  namespace: 'n',
  destination: 'default',
  topic: 't',
  key: 'k',
  payload: new Uint8Array(),
  contentType: 'application/json',
  headers: {},
});

describe('TransactionEntries', () => {
  it('writes what any nesting of savepoints kept, in the order of publishing', () => {
    const command = fc.constantFrom('publish', 'begin', 'release', 'rollback');
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        const entries = new TransactionEntries();
        // The model: a stack of what each open transaction has, which its end gives to the one around it or drops.
        const stack: string[][] = [[]];
        commands.forEach((name, index) => {
          if (name === 'publish') {
            entries.add([entry(String(index))], stack.length);
            stack.at(-1)?.push(String(index));
          } else if (name === 'begin') stack.push([]);
          else if (stack.length > 1) {
            if (name === 'release') entries.released(stack.length);
            else entries.rolledBack(stack.length);
            const ended = stack.pop() ?? [];
            if (name === 'release') stack.at(-1)?.push(...ended);
          }
        });
        while (stack.length > 1) {
          entries.released(stack.length);
          const ended = stack.pop() ?? [];
          stack.at(-1)?.push(...ended);
        }
        expect(entries.beginCommit().map(({ messageId }) => messageId)).toEqual(stack[0]);
      }),
    );
  });

  it('takes nothing more from the write to the end of the COMMIT, and begins anew after it', () => {
    const entries = new TransactionEntries();
    entries.add([entry('a', 3), entry('b', 1), entry('c', 3)], 1);
    expect(entries.committing).toBe(false);
    entries.beginCommit();
    expect(entries.committing).toBe(true);
    expect(entries.unwritten).toBe(0);
    expect(entries.committed()).toEqual({ entries: 3, shards: [1, 3], delayed: false });
    expect(entries.committing).toBe(false);
    expect(entries.committed()).toEqual({ entries: 0, shards: [], delayed: false });
  });

  it('begins anew after a COMMIT that failed and was rolled back', () => {
    const entries = new TransactionEntries();
    entries.add([entry('a')], 1);
    entries.beginCommit();
    entries.rolledBack(1);
    expect(entries.committing).toBe(false);
    expect(entries.committed()).toEqual({ entries: 0, shards: [], delayed: false });
  });

  it('tells shards of the flow, and of what is due later only that there is some', () => {
    const entries = new TransactionEntries();
    entries.add([{ ...entry('a', 3), due: { inMs: 5 } }, entry('b', 1)], 1);
    expect(entries.beginCommit()).toHaveLength(2);
    expect(entries.committed()).toEqual({ entries: 2, shards: [1], delayed: true });
  });

  it("keeps what any sequence of the user's own savepoints kept, in the order of publishing", () => {
    const command = fc.record({
      name: fc.constantFrom('publish', 'savepoint', 'rollback to', 'release'),
      savepoint: fc.constantFrom('a', 'b'),
    });
    fc.assert(
      fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
        const entries = new TransactionEntries();
        // The model: what there is, and what there was at each savepoint that is still set.
        let published: string[] = [];
        let savepoints: { name: string; published: string[] }[] = [];
        commands.forEach(({ name, savepoint }, index) => {
          const at = savepoints.findLastIndex((one) => one.name === savepoint);
          if (name === 'publish') {
            entries.add([entry(String(index))], 1);
            published = [...published, String(index)];
          } else if (name === 'savepoint') {
            entries.savepointSet(savepoint, entries.unwritten);
            savepoints = [...savepoints, { name: savepoint, published }];
          } else if (name === 'rollback to' && at >= 0) {
            entries.rolledBackTo(savepoint, entries.unwritten);
            published = savepoints[at]?.published ?? [];
            savepoints = savepoints.slice(0, at + 1);
          } else if (name === 'release' && at >= 0) {
            entries.savepointReleased(savepoint);
            savepoints = savepoints.slice(0, at);
          }
        });
        expect(entries.beginCommit().map(({ messageId }) => messageId)).toEqual(published);
      }),
    );
  });

  it('forgets all that was published when it rolls back to a savepoint from before the first of it', () => {
    const entries = new TransactionEntries();
    entries.add([entry('a')], 1);
    entries.rolledBackTo('from before', 1);
    expect(entries.unwritten).toBe(0);
  });
});
