/** How many wait until their item is stored before they push the next one. */
export const PUSHERS = 1000;

/** As JSON, an item has 200 bytes. */
export const TEXT = 'x'.repeat(174);

export interface Item {
  readonly id: number;
  readonly text: string;
}

export function newItem(id: number): Item {
  return { id: 1_000_000 + id, text: TEXT };
}

/** Pushes `count` items, as many at a time as there are pushers; `push` resolves when its item is stored. */
export async function pushAll(count: number, push: (item: Item) => Promise<unknown>): Promise<void> {
  let next = 0;
  const pusher = async (): Promise<void> => {
    while (next < count) await push(newItem(next++));
  };
  await Promise.all(Array.from({ length: PUSHERS }, pusher));
}

/** Resolves when it has been called `count` times. */
export function countdown(count: number): { readonly done: Promise<void>; down(by?: number): void } {
  let left = count;
  let finish: () => void;
  const done = new Promise<void>((resolve) => (finish = resolve));
  return {
    done,
    down: (by = 1) => {
      left -= by;
      if (left === 0) finish();
    },
  };
}
