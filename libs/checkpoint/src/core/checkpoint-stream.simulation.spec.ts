import * as fc from 'fast-check';
import { exponential } from 'nestjs-turnpike/timing';
import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { describe, expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../testing/index.js';
import { type JsonValue } from './checkpoint-store.js';
import { CheckpointStream } from './checkpoint-stream.js';
import { type Resolve } from './checkpointer.js';

/** Fails some saves before they are written, and the answer of some after. */
class UnreliableStore extends MemoryCheckpointStore {
  readonly accepted: number[] = [];
  fate: 'works' | 'fails' | 'answer lost' = 'works';

  override async save(stream: string, partition: string, epoch: bigint, position: JsonValue): Promise<boolean> {
    const { fate } = this;
    if (fate === 'fails') throw new Error('not written');
    const saved = await super.save(stream, partition, epoch, position);
    if (saved) this.accepted.push(position as number);
    if (fate === 'answer lost') throw new Error('nobody knows');
    return saved;
  }
}

/** A process that handles positions one after the other from where the checkpoint is, and finishes them in any order. */
class Owner {
  private readonly inWork = new Map<number, Resolve<number>>();
  private next: number;

  constructor(
    readonly stream: CheckpointStream,
    private readonly handled: Set<number>,
  ) {
    this.next = (stream.committed ?? 0) + 1;
  }

  async take(): Promise<void> {
    if (this.stream.pending >= 20 || this.stream.signal.aborted) return;
    const position = this.next++;
    this.inWork.set(position, await this.stream.track(position));
  }

  finish(which: number): void {
    const position = [...this.inWork.keys()][which % Math.max(this.inWork.size, 1)];
    if (position === undefined) return;
    this.handled.add(position);
    this.inWork.get(position)?.();
    this.inWork.delete(position);
  }

  finishAll(): void {
    while (this.inWork.size > 0) this.finish(this.inWork.size - 1);
  }
}

type Step =
  | { readonly act: 'take' | 'finish' | 'finish as a stalled owner' | 'crash' | 'close'; readonly which: number }
  | { readonly act: 'wait'; readonly ms: number }
  | { readonly act: 'store'; readonly fate: UnreliableStore['fate'] };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      act: fc.constantFrom('take' as const, 'take' as const, 'finish' as const),
      which: fc.nat(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      act: fc.constantFrom('finish as a stalled owner' as const, 'crash' as const, 'close' as const),
      which: fc.nat(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('wait' as const), ms: fc.nat(300) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      act: fc.constant('store' as const),
      fate: fc.constantFrom('works' as const, 'fails' as const, 'answer lost' as const),
    }),
  },
);

describe('a checkpoint stream through crashes, take-overs and a store that fails', () => {
  it('never commits a position that is not handled, never goes back, and gets to the end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 150 }), async (steps) => {
        const clock = new ManualClock();
        const store = new UnreliableStore();
        const handled = new Set<number>();
        const retryPolicy = exponential(0, 10, 100);
        const options = { partition: 'p', capacity: 20, commitEvery: 4, commitIntervalMs: 50, clock, retryPolicy };
        const open = async (): Promise<Owner> => new Owner(await CheckpointStream.open(store, 's', options), handled);

        let owner = await open();
        /** It lost its checkpoint to a newer owner and does not know yet. */
        let stalled: Owner | undefined;
        for (const step of steps) {
          switch (step.act) {
            case 'take':
              await owner.take();
              break;
            case 'finish':
              owner.finish(step.which);
              break;
            case 'finish as a stalled owner':
              stalled?.finish(step.which);
              break;
            case 'crash':
              stalled = owner;
              owner = await open();
              break;
            case 'close':
              await owner.stream.close().catch(() => undefined);
              owner = await open();
              break;
            case 'wait':
              await clock.advance(step.ms);
              break;
            case 'store':
              store.fate = step.fate;
              break;
          }
          const committed = Math.max(0, ...store.accepted);
          const unhandled = Array.from({ length: committed }, (_, index) => index + 1).filter((p) => !handled.has(p));
          expect(unhandled).toEqual([]);
        }

        store.fate = 'works';
        await owner.take();
        owner.finishAll();
        const last = owner.stream.highest;
        await clock.advance(1000);
        expect(owner.stream).toMatchObject({ committed: last, pending: 0, failures: 0 });
        expect((await store.open('s', 'p')).position).toBe(last);
        expect(store.accepted).toEqual(store.accepted.toSorted((a, b) => a - b));
        // A stalled owner that never commits again never learns, but it leaves no timer either.
        expect(clock.waiting).toBe(0);
      }),
      { numRuns: 200 },
    );
  });
});
