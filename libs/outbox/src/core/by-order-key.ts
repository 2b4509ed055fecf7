import type { OrderKey } from './message.js';

/**
 * A map by order key. It looks its three parts up one after the other: making the text of `orderKey` for every entry took
 * most of the time of finding its lane.
 */
export class ByOrderKey<Value> {
  private readonly byNamespace = new Map<string, Map<string, Map<string, Value>>>();

  get({ namespace, destination, key }: OrderKey): Value | undefined {
    return this.byNamespace.get(namespace)?.get(destination)?.get(key);
  }

  set({ namespace, destination, key }: OrderKey, value: Value): void {
    const byDestination = inner(this.byNamespace, namespace);
    inner(byDestination, destination).set(key, value);
  }

  delete({ namespace, destination, key }: OrderKey): void {
    const byDestination = this.byNamespace.get(namespace);
    const byKey = byDestination?.get(destination);
    byKey?.delete(key);
    // There may be a namespace for each of a user's users.
    if (byKey?.size === 0) byDestination?.delete(destination);
    if (byDestination?.size === 0) this.byNamespace.delete(namespace);
  }

  *values(): Generator<Value> {
    for (const byDestination of this.byNamespace.values())
      for (const byKey of byDestination.values()) yield* byKey.values();
  }
}

function inner<Inner extends Map<string, unknown>>(outer: Map<string, Inner>, key: string): Inner {
  let found = outer.get(key);
  if (!found) outer.set(key, (found = new Map() as Inner));
  return found;
}
