import type { IncomingMessage, ServerResponse } from 'node:http';

/** What the routes use of Express' request. The response is Node's own: no interceptor or filter of the app changes it. */
export interface PageRequest extends IncomingMessage {
  readonly originalUrl: string;
  readonly params: Readonly<Record<string, string>>;
  /** What a body parser of the app has made of it, if there is one. */
  readonly body?: unknown;
}

const MOST_BODY_BYTES = 65_536;

/** The browser neither guesses types, nor shows the page in a frame, nor loads anything from elsewhere. */
const HEADERS: readonly (readonly [name: string, value: string])[] = [
  [
    'Content-Security-Policy',
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  ],
  ['X-Content-Type-Options', 'nosniff'],
  ['X-Frame-Options', 'DENY'],
  ['Referrer-Policy', 'no-referrer'],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
  ['Cross-Origin-Opener-Policy', 'same-origin'],
];

/** Answers; an app that allows cross-origin requests does not allow them here. */
export function reply(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body?: string | Uint8Array,
): void {
  setHeaders(response, headers);
  response.statusCode = status;
  response.end(body);
}

export function setHeaders(response: ServerResponse, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of [...HEADERS, ...Object.entries(headers)]) response.setHeader(name, value);
  response.removeHeader('Access-Control-Allow-Origin');
}

export function replyJson(response: ServerResponse, status: number, value: unknown): void {
  const headers = { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'no-store' };
  reply(response, status, headers, JSON.stringify(value));
}

/** The JSON of a request's body; undefined when it is none, or too long. */
export async function jsonBody(request: PageRequest): Promise<unknown> {
  if (request.body !== undefined && !Buffer.isBuffer(request.body)) return request.body;
  if (Buffer.isBuffer(request.body)) return parsed(request.body.toString());
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MOST_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return parsed(Buffer.concat(chunks).toString());
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
