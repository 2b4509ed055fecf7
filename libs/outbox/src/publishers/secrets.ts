/** What stands for a secret that was taken out. */
const TAKEN_OUT = '***';

/**
 * Takes the credentials of URLs out of whatever a client says. What a publisher throws, logs or shows goes through here: an
 * error of ours has the client's words and never the client's error, which may hold its options, its command or a payload.
 */
export class Secrets {
  readonly #patterns: readonly RegExp[];

  /** `texts` are further secrets: tokens, passwords from other options. */
  constructor(urls: readonly URL[], texts: readonly string[] = []) {
    const secrets = new Set(texts);
    const names = new Set<string>();
    for (const { username, password } of urls) {
      // A name without a password is a token, as NATS has it.
      for (const form of formsOf(username)) (password === '' ? secrets : names).add(form);
      for (const form of formsOf(password)) secrets.add(form);
      for (const form of formsOf(`${plain(username)}:${plain(password)}`)) {
        if (username !== '' || password !== '') secrets.add(Buffer.from(form).toString('base64'));
      }
    }
    this.#patterns = [
      ...longestFirst(secrets).map((secret) => new RegExp(escaped(secret), 'g')),
      // A user's name may be a word as common as `guest`: only where it stands by itself.
      ...longestFirst(names).map((name) => new RegExp(`(?<![\\p{L}\\p{N}_])${escaped(name)}(?![\\p{L}\\p{N}_])`, 'gu')),
      /(?<=:\/\/)[^\s/?#@]+(?=@)/g, // the credentials of any URL, ours or not
    ];
  }

  /** The text without them. */
  redact(text: string): string {
    return this.#patterns.reduce((clean, pattern) => clean.replaceAll(pattern, TAKEN_OUT), text);
  }

  /** What an error and its causes say, in one line, without secrets. */
  wordsOf(error: unknown): string {
    return this.redact([...new Set(messagesOf(error, 0))].join(': '));
  }
}

const MOST_CAUSES = 5;

function messagesOf(error: unknown, depth: number): string[] {
  if (depth > MOST_CAUSES) return [];
  if (!(error instanceof Error)) return [String(error)];
  // An AggregateError, as of a connection that was tried at several addresses, often says nothing by itself.
  const inner = error instanceof AggregateError ? (error.errors[0] as unknown) : error.cause;
  const own = error.message || (inner === undefined ? error.name : '');
  return [...(own ? [own] : []), ...(inner === undefined ? [] : messagesOf(inner, depth + 1))];
}

/** As it stands in a URL, and as it is meant. */
function formsOf(part: string): string[] {
  return part === '' ? [] : [...new Set([part, plain(part)])];
}

function plain(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a lone % is one
  }
}

/** One secret may be the beginning of another. */
function longestFirst(texts: ReadonlySet<string>): string[] {
  return [...texts].filter((text) => text !== '').toSorted((a, b) => b.length - a.length);
}

function escaped(text: string): string {
  return text.replaceAll(/[$()*+./?[\\\]^{|}]/g, String.raw`\$&`);
}
