import { checkDuration, checkInteger, SystemClock, type Clock } from 'nestjs-turnpike/timing';
import type { OutgoingMessage } from '../../core/message.js';
import type { PublishContext, Publisher } from '../../core/publisher.js';
import { NonRetryableError, PublisherUnavailableError } from '../../outbox.errors.js';
import { checkCloudEvents, type CloudEventsOptions } from '../cloud-events.js';
import { endCall, sendEach } from '../publish-each.js';
import { Secrets } from '../secrets.js';
import { parseUrls } from '../server-urls.js';
import { Deadline } from './deadline.js';
import { EndpointBusyError, HttpResponseError } from './http.errors.js';
import { retryAfterMs } from './retry-after.js';
import { WebhookSigner } from './standard-webhooks.js';
import { Turnstile } from '../turnstile.js';
import { webhookRequestOf } from './webhook-request.js';

export interface HttpPublisherOptions {
  /** Where messages are posted to; credentials in it are sent as Basic authentication. Different ones: a function. */
  readonly url: string | ((message: OutgoingMessage) => string);
  /** `whsec_` and 24 to 64 bytes in base64; several while one is being replaced. */
  readonly secret: string | readonly string[];
  /** Further headers of each request. They win over a message's own. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The most requests at a time. Default: 50. */
  readonly concurrency?: number;
  /** How long an answer may take. Default: 15,000 ms. */
  readonly timeoutMs?: number;
  /** Which statuses beyond 2xx say that a message will never be taken. Default: `isPermanent`. */
  readonly isPermanent?: (status: number) => boolean;
  readonly cloudEvents?: CloudEventsOptions;
  readonly clock?: Clock;
}

/** 408 Request Timeout, 409 Conflict, 425 Too Early, 429 Too Many Requests */
const TEMPORARY: ReadonlySet<number> = new Set([408, 409, 425, 429]);
/** 429 Too Many Requests, 503 Service Unavailable: about the endpoint, not about the message. */
const BUSY: ReadonlySet<number> = new Set([429, 503]);
/** Codes of a connection that ended after it had begun. Others, such as ECONNREFUSED, say that there is none. */
const HUNG_UP: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/** From here on, endpoints that may be asked again are forgotten. */
const MOST_ENDPOINTS = 1000;

/** How much of an answer's body is read. */
const MOST_OF_AN_ANSWER = 65_536;

/** 3xx, which are not followed, and 4xx but 408, 409, 425 and 429. */
export function isPermanent(status: number): boolean {
  return status < 500 && !TEMPORARY.has(status);
}

/**
 * Posts each message to an HTTP endpoint, signed as Standard Webhooks says. Sent is what was answered with 2xx.
 *
 * - A request per message, and a message per call: a slow answer holds up its own key alone. Not `ordered`.
 * - `Retry-After` of a 429 or 503 is kept: until then the endpoint gets no request. With one `url` the destination is
 *   unavailable meanwhile; with a function for it, only the messages for that endpoint fail.
 * - A connection that ends without an answer is tried once more at once: it may have been an idle one that was about to be
 *   closed. A second time is counted against the message.
 */
export class HttpPublisher implements Publisher {
  readonly batchSize = 1;
  readonly #options: HttpPublisherOptions;
  readonly #timeoutMs: number;
  readonly #isPermanent: (status: number) => boolean;
  readonly #clock: Clock;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #signer: WebhookSigner;
  readonly #turnstile: Turnstile;
  readonly #fixed: Endpoint | undefined;
  /** Until when an endpoint asks to be left alone, in ms of the clock. */
  readonly #notBefore = new Map<string, number>();

  constructor(options: HttpPublisherOptions) {
    const { url, secret, concurrency = 50, timeoutMs = 15_000, clock = new SystemClock() } = options;
    checkInteger('concurrency', concurrency, 1);
    checkDuration('timeoutMs', timeoutMs, 1);
    checkCloudEvents(options.cloudEvents);
    this.#options = options;
    this.#timeoutMs = timeoutMs;
    this.#isPermanent = options.isPermanent ?? isPermanent;
    this.#clock = clock;
    this.#headers = checkedHeaders(options.headers);
    this.#signer = new WebhookSigner(typeof secret === 'string' ? [secret] : secret);
    this.#turnstile = new Turnstile(concurrency);
    this.#fixed = typeof url === 'string' ? endpointAt(url) : undefined;
  }

  async publish(messages: readonly OutgoingMessage[], { signal }: PublishContext): Promise<void> {
    const send = (message: OutgoingMessage): Promise<void> =>
      this.#turnstile.pass(signal, () => this.#post(message, signal));
    endCall(await sendEach(messages, signal, { send }));
  }

  async #post(message: OutgoingMessage, signal: AbortSignal): Promise<void> {
    const endpoint = this.#fixed ?? this.#endpointOf(message);
    this.#checkTurn(endpoint);
    const ours = { ...endpoint.authorization, ...this.#headers };
    const { id, headers, body } = webhookRequestOf(message, this.#options.cloudEvents, ours);
    const timestamp = Math.floor(this.#clock.now() / 1000);
    headers['webhook-timestamp'] = String(timestamp);
    headers['webhook-signature'] = this.#signer.sign(id, timestamp, body);
    this.#judge(endpoint, await this.#answer(endpoint, { method: 'POST', redirect: 'manual', headers, body }, signal));
  }

  /** The endpoint's answer. Rejects when there is none. */
  async #answer(endpoint: Endpoint, request: RequestInit, signal: AbortSignal): Promise<Response> {
    using deadline = new Deadline(signal, this.#timeoutMs);
    const attempt = async (): Promise<Response> => {
      const response = await fetch(endpoint.url, { ...request, signal: deadline.signal });
      await discardBody(response).catch(() => undefined); // what it means, its status has said
      return response;
    };
    try {
      return await attempt().catch((error: unknown) => {
        if (!HUNG_UP.has(codeOf(error))) throw error;
        return attempt();
      });
    } catch (error) {
      throw this.#unanswered(endpoint, error, deadline.passed);
    }
  }

  #unanswered({ name, secrets }: Endpoint, error: unknown, isLate: boolean): Error {
    if (isLate) return new Error(`${name} did not answer within ${this.#timeoutMs} ms.`);
    const text = `${name} did not answer: ${secrets.wordsOf(error)}`;
    return this.#fixed && !HUNG_UP.has(codeOf(error)) ? new PublisherUnavailableError(text) : new Error(text);
  }

  /** Throws what the answer means, when it does not mean that the message was taken. */
  #judge(endpoint: Endpoint, response: Response): void {
    const { ok, status, statusText, headers } = response;
    if (ok) return;
    const text = endpoint.secrets.redact(`${endpoint.name} answered ${status} ${statusText}`.trimEnd());
    if (this.#isPermanent(status)) throw new NonRetryableError(text);
    const waitMs = retryAfterMs(headers.get('retry-after'), this.#clock.now());
    if (!BUSY.has(status)) throw new HttpResponseError(text, status, waitMs);
    if (waitMs !== undefined) this.#leaveAlone(endpoint, waitMs);
    throw this.#busy(text, status, waitMs);
  }

  #leaveAlone({ url }: Endpoint, waitMs: number): void {
    const nowMs = this.#clock.now();
    if (this.#notBefore.size >= MOST_ENDPOINTS) {
      for (const [href, untilMs] of this.#notBefore) if (untilMs <= nowMs) this.#notBefore.delete(href);
    }
    this.#notBefore.set(url.href, nowMs + waitMs);
  }

  #checkTurn(endpoint: Endpoint): void {
    const notBefore = this.#notBefore.get(endpoint.url.href);
    if (notBefore === undefined) return;
    const waitMs = notBefore - this.#clock.now();
    if (waitMs > 0) throw this.#busy(`${endpoint.name} asks to be left alone for ${waitMs} ms more.`, 503, waitMs);
    this.#notBefore.delete(endpoint.url.href);
  }

  #busy(text: string, status: number, waitMs: number | undefined): Error {
    return this.#fixed ? new EndpointBusyError(text, waitMs) : new HttpResponseError(text, status, waitMs);
  }

  #endpointOf(message: OutgoingMessage): Endpoint {
    const { url } = this.#options;
    try {
      return endpointAt(typeof url === 'string' ? url : url(message));
    } catch (error) {
      throw error instanceof RangeError ? new NonRetryableError(error.message) : error;
    }
  }
}

/** In lower case. */
function checkedHeaders(headers: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  try {
    return Object.fromEntries(new Headers(headers));
  } catch {
    throw new RangeError(
      'headers must be names and values that HTTP can carry; they are not shown, as they may be secret',
    );
  }
}

interface Endpoint {
  /** Without credentials: fetch refuses them there. */
  readonly url: URL;
  /** What errors call it: a path or query may hold a secret as well. */
  readonly name: string;
  readonly authorization: Readonly<Record<string, string>>;
  readonly secrets: Secrets;
}

function endpointAt(text: string): Endpoint {
  const [parsed] = parseUrls(text, ['http:', 'https:']);
  const url = new URL(parsed as URL);
  const { username, password } = url;
  url.username = '';
  url.password = '';
  const basic = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64');
  return {
    url,
    name: url.origin,
    authorization: username === '' && password === '' ? {} : { authorization: `Basic ${basic}` },
    secrets: new Secrets([parsed as URL], [url.search]),
  };
}

/** Read, so that its connection can be used again; the rest of a long one costs that. */
async function discardBody(response: Response): Promise<void> {
  const length = Number(response.headers.get('content-length') ?? Infinity);
  if (length <= MOST_OF_AN_ANSWER) {
    await response.arrayBuffer();
    return;
  }
  let read = 0;
  for await (const chunk of response.body ?? []) {
    read += (chunk as Uint8Array).length;
    if (read > MOST_OF_AN_ANSWER) return;
  }
}

function codeOf(error: unknown): string {
  const { code, cause } = error as { readonly code?: unknown; readonly cause?: unknown };
  if (typeof code === 'string') return code;
  return cause instanceof Error ? codeOf(cause) : '';
}
