import { createHmac } from 'node:crypto';

const PREFIX = 'whsec_';
const [FEWEST_BYTES, MOST_BYTES] = [24, 64];

/**
 * Signs as Standard Webhooks 1.0.0 says: HMAC-SHA256 of `id.timestamp.body`. With several secrets there are as many
 * signatures, for a rotation without a gap: receivers take any that they know.
 */
export class WebhookSigner {
  readonly #keys: readonly Buffer[];

  /** `whsec_` and 24 to 64 bytes in base64. Throws a RangeError for anything else, which does not show it. */
  constructor(secrets: readonly string[]) {
    this.#keys = secrets.map(keyOf);
    if (secrets.length === 0) throw new RangeError('secret must hold at least one');
  }

  /** The header `webhook-signature`. `timestamp` is in seconds. */
  sign(id: string, timestamp: number, body: Uint8Array): string {
    const signatures = this.#keys.map((key) =>
      createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64'),
    );
    return signatures.map((signature) => `v1,${signature}`).join(' ');
  }
}

function keyOf(secret: string): Buffer {
  const base64 = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : '';
  const key = Buffer.from(base64, 'base64');
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(base64);
  if (isBase64 && key.length >= FEWEST_BYTES && key.length <= MOST_BYTES) return key;
  throw new RangeError(
    `secret must be ${PREFIX} and ${FEWEST_BYTES} to ${MOST_BYTES} bytes in base64; it is not shown. Make one: ` +
      `node -p "'${PREFIX}' + crypto.randomBytes(32).toString('base64')"`,
  );
}
