import type { PayloadText } from './dead-letter-view.js';

const MOST_CHARACTERS = 65_536;
const MOST_BYTES = 4096;

/**
 * `decode` gives the value that was published, or throws when nobody knows the content type any more. Bytes are shown as
 * text where they are, else in hex.
 */
export function payloadText(body: Uint8Array, decode: () => unknown): PayloadText {
  const value = decoded(decode);
  if (value !== undefined && !(value instanceof Uint8Array)) {
    const json = jsonOf(value);
    if (json !== undefined) return cut('json', json, body.byteLength);
  }
  const text = asText(body);
  return text === undefined ? hex(body) : cut('text', text, body.byteLength);
}

function decoded(decode: () => unknown): unknown {
  try {
    return decode();
  } catch {
    return undefined; // damaged, or of a codec that this process does not have: then it is shown as it is stored
  }
}

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? String(part) : part), 2);
  } catch {
    return undefined;
  }
}

function asText(body: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body);
    // oxlint-disable-next-line no-control-regex
    return /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

function cut(kind: PayloadText['kind'], text: string, bytes: number): PayloadText {
  return { kind, text: text.slice(0, MOST_CHARACTERS).toWellFormed(), bytes, cut: text.length > MOST_CHARACTERS };
}

function hex(body: Uint8Array): PayloadText {
  const shown = Buffer.from(body.buffer, body.byteOffset, Math.min(body.byteLength, MOST_BYTES));
  const lines: string[] = [];
  for (let at = 0; at < shown.length; at += 16) {
    lines.push(
      shown
        .subarray(at, at + 16)
        .toString('hex')
        .replace(/(..)(?=.)/g, '$1 '),
    );
  }
  return { kind: 'bytes', text: lines.join('\n'), bytes: body.byteLength, cut: body.byteLength > MOST_BYTES };
}
