export interface Poisoned<Item> {
  readonly item: Item;
  readonly error: unknown;
}

export interface Isolated<Item> {
  /** Items that failed alone, in their order. */
  readonly poisoned: readonly Poisoned<Item>[];
  /** Items that were not tried to the end, because `proceed` said no; in their order. */
  readonly rest: readonly Item[];
}

interface Suspects<Item> {
  readonly items: readonly Item[];
  readonly error: unknown;
  /** How many calls they were all part of. */
  readonly attempts: number;
}

/**
 * Finds the poison items among `items`, which failed together: calls `attempt` with each half, and again with the
 * halves of a half that failed, until what fails is one item. A poison item among n costs 2 log2(n) calls.
 *
 * The order is kept, as halves are tried left to right. `attempt` rejects for items that fail.
 */
export async function isolate<Item>(
  failed: Suspects<Item>,
  attempt: (items: readonly Item[], attempt: number) => Promise<void>,
  proceed: () => boolean,
): Promise<Isolated<Item>> {
  const poisoned: Poisoned<Item>[] = [];
  const rest: Item[] = [];

  const halve = async ({ items, error, attempts }: Suspects<Item>): Promise<void> => {
    const [first] = items;
    if (items.length === 1) {
      poisoned.push({ item: first as Item, error });
      return;
    }
    const middle = Math.ceil(items.length / 2);
    for (const half of [items.slice(0, middle), items.slice(middle)]) {
      if (!proceed()) {
        rest.push(...half);
        continue;
      }
      try {
        await attempt(half, attempts + 1);
      } catch (cause) {
        // Interrupted items fail too: that is no sign of poison.
        if (!proceed()) rest.push(...half);
        else await halve({ items: half, error: cause, attempts: attempts + 1 });
      }
    }
  };

  await halve(failed);
  return { poisoned, rest };
}
