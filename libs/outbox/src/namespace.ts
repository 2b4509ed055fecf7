import { AsyncLocalStorage } from 'node:async_hooks';

const namespaces = new AsyncLocalStorage<string>();

/**
 * Everything that `work` publishes, and what it awaits publishes, belongs to this namespace, whichever outbox it goes to: such
 * as a tenant's. Order is kept within a namespace, and a call of a publisher has messages of one namespace.
 */
export function withNamespace<Result>(namespace: string, work: () => Result): Result {
  return namespaces.run(namespace, work);
}

/** The namespace of the nearest `withNamespace`; undefined outside, where the outbox's own option holds. */
export function currentNamespace(): string | undefined {
  return namespaces.getStore();
}
