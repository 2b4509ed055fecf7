import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NewEntry } from './message.js';
import { TransactionEntries } from './transaction-entries.js';

const entry = (messageId: string, shard = 0): NewEntry => ({
  shard,
  messageId,
  namespace: 'n',
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
    expect(entries.committed()).toEqual([1, 3]);
    expect(entries.committing).toBe(false);
    expect(entries.committed()).toEqual([]);
  });

  it('begins anew after a COMMIT that failed and was rolled back', () => {
    const entries = new TransactionEntries();
    entries.add([entry('a')], 1);
    entries.beginCommit();
    entries.rolledBack(1);
    expect(entries.committing).toBe(false);
    expect(entries.committed()).toEqual([]);
  });
});
