/** What the page asks for in the body of a request. Whatever does not look like it is undefined. */

const MOST_IDS = 1000;
const MOST_TEXT = 1000;

export interface AskedKey {
  readonly namespace: string;
  readonly destination: string;
  readonly key: string;
}

/** `{ ids: ['1', '2'] }`: 1 to 1000 whole numbers of 64 bits. */
export function askedIds(body: unknown): bigint[] | undefined {
  const ids = fieldOf(body, 'ids');
  if (!Array.isArray(ids) || ids.length === 0 || ids.length > MOST_IDS) return undefined;
  const numbers = ids.map(asId);
  return numbers.every((id) => id !== undefined) ? numbers : undefined;
}

export function asId(text: unknown): bigint | undefined {
  if (typeof text !== 'string' || !/^-?\d{1,19}$/.test(text)) return undefined;
  const id = BigInt(text);
  return BigInt.asIntN(64, id) === id ? id : undefined;
}

/** `{ namespace, destination, key }`. */
export function askedKey(body: unknown): AskedKey | undefined {
  const [namespace, destination, key] = ['namespace', 'destination', 'key'].map((name) => asText(fieldOf(body, name)));
  if (namespace === undefined || destination === undefined || key === undefined) return undefined;
  return { namespace, destination, key };
}

/** `{ destination }`; null: all of them. */
export function askedDestination(body: unknown): string | null | undefined {
  const destination = fieldOf(body, 'destination');
  return destination === null ? null : asText(destination);
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' && value.length <= MOST_TEXT ? value : undefined;
}

function fieldOf(body: unknown, name: string): unknown {
  return typeof body === 'object' && body !== null && Object.hasOwn(body, name)
    ? (body as Record<string, unknown>)[name]
    : undefined;
}
