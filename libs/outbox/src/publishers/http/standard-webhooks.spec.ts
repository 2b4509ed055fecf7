import { describe, expect, it } from 'vitest';
import { WebhookSigner } from './standard-webhooks.js';

describe('WebhookSigner', () => {
  it('signs as the reference implementation does', () => {
    // From the tests of github.com/standard-webhooks/standard-webhooks.
    const signer = new WebhookSigner(['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw']);
    const body = Buffer.from('{"test": 2432232314}');
    expect(signer.sign('msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330, body)).toBe(
      'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    );
  });

  it('needs a secret', () => {
    expect(() => new WebhookSigner([])).toThrow('at least one');
  });
});
