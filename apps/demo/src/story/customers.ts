/** Those whom the page shows. */
export const CUSTOMERS: readonly string[] = ['ann', 'bob', 'cat', 'dan', 'eve'];
