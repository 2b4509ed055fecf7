import { checkInteger } from 'nestjs-turnpike/timing';
import { type DeadLetterStore } from './core/batch-store.js';
import { type Codec } from './core/codec/codec.js';

export interface DeadLetter<Item> {
  readonly id: number;
  readonly item: Item;
  /** The message of what the last attempt failed with. */
  readonly error: string;
  readonly diedAt: Date;
}

export interface DeadLetterPage {
  /** 100 by default. */
  readonly limit?: number;
  /** The id of the last one of the page before. */
  readonly afterId?: number;
}

/** A queue's items that failed alone when their attempts were used up, oldest first, of all processes on its store. */
export class DeadLetters<Item> {
  constructor(
    private readonly store: DeadLetterStore,
    private readonly codec: Codec<Item>,
    private readonly onRequeued: () => void,
  ) {}

  async list({ limit = 100, afterId = 0 }: DeadLetterPage = {}): Promise<DeadLetter<Item>[]> {
    checkInteger('limit', limit, 1);
    const letters: DeadLetter<Item>[] = [];
    for (const { id, data, error, diedAtMs } of await this.store.listDeadLetters(limit, afterId)) {
      this.codec.decode(data, (item) => letters.push({ id, item, error, diedAt: new Date(diedAtMs) }));
    }
    return letters;
  }

  /** Each is processed again, as a batch of its own with new attempts. Returns how many of them were found. */
  async requeue(ids: readonly number[]): Promise<number> {
    const count = await this.store.requeueDeadLetters(ids);
    if (count > 0) this.onRequeued();
    return count;
  }

  /** Deletes them. Returns how many of them were found. */
  purge(ids: readonly number[]): Promise<number> {
    return this.store.purgeDeadLetters(ids);
  }
}
