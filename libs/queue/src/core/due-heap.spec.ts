import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Due, DueHeap } from './due-heap.js';

const operation = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), atMs: fc.nat(20) }),
  fc.record({ kind: fc.constant('move' as const), of: fc.nat(), atMs: fc.nat(20) }),
  fc.record({ kind: fc.constant('remove' as const), of: fc.nat() }),
);

describe('DueHeap', () => {
  it('has the one that is due first in front, whatever is added, moved and removed', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 100 }), (operations) => {
        const heap = new DueHeap<Due>();
        const members: Due[] = [];
        for (const [id, each] of operations.entries()) {
          if (each.kind === 'add') {
            members.push({ id, availableAtMs: each.atMs });
            heap.add(members.at(-1) as Due);
          } else if (members.length > 0) {
            const place = each.of % members.length;
            const member = members[place] as Due;
            if (each.kind === 'move') heap.move(member, each.atMs);
            else {
              heap.remove(member);
              members.splice(place, 1);
            }
          }
          const [first] = members.toSorted((a, b) => a.availableAtMs - b.availableAtMs || a.id - b.id);
          expect(heap.first).toBe(first);
        }
      }),
    );
  });
});
