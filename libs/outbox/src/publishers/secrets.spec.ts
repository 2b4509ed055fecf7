import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secrets } from './secrets.js';

const secrets = (...urls: string[]): Secrets => new Secrets(urls.map((url) => new URL(url)));

describe('Secrets', () => {
  it.each([
    ['as in the URL', 'amqp://me:p%40ss@host', 'cannot reach amqp://me:p%40ss@host', 'cannot reach amqp://***@host'],
    ['as it is meant', 'amqp://me:p%40ss@host', 'wrong password p@ss', 'wrong password ***'],
    ['as Basic authentication', 'http://me:p%40ss@host', 'sent Basic bWU6cEBzcw==', 'sent Basic ***'],
    ['that is a name alone, as a token of NATS', 'nats://t0ken@host', 'sent t0kens', 'sent ***s'],
    ['of a longer one that begins like it', 'amqp://ab:abc@host', 'abc ab', '*** ***'],
    ['with characters of a pattern', 'amqp://me:a+(b.c)@host', 'a+(b.c) aab.c', '*** aab.c'],
  ])('takes out a secret %s', (_form, url, text, clean) => {
    expect(secrets(url).redact(text)).toBe(clean);
  });

  it("takes a user's name out where it stands by itself, and leaves other words whole", () => {
    expect(secrets('amqp://guest:x9y8@host').redact(`user 'guest', guests, a guest_room`)).toBe(
      `user '***', guests, a guest_room`,
    );
  });

  it('takes the credentials out of any URL', () => {
    expect(secrets().redact('redis://other:one@host and no@thing')).toBe('redis://***@host and no@thing');
  });

  it('leaves nothing of any password, however it is encoded', () => {
    const password = fc
      .string({ minLength: 4, unit: 'grapheme' })
      .filter((text) => text.isWellFormed() && !text.includes('*'));
    fc.assert(
      fc.property(password, (text) => {
        const encoded = encodeURIComponent(text);
        const clean = secrets(`amqp://me:${encoded}@host`).redact(`<${text}> <${encoded}>`);
        expect(clean.includes(text) || clean.includes(encoded)).toBe(false);
      }),
    );
  });

  it('says what an error and its causes say, each once, in one line', () => {
    const refused = new Error('connect ECONNREFUSED 127.0.0.1:1');
    const failed = new TypeError('fetch failed', { cause: new AggregateError([refused, refused]) });
    expect(secrets().wordsOf(failed)).toBe('fetch failed: connect ECONNREFUSED 127.0.0.1:1');
    expect(secrets('amqp://me:p4ss@host').wordsOf(new Error('no', { cause: new Error('p4ss') }))).toBe('no: ***');
    expect(secrets().wordsOf(new RangeError(''))).toBe('RangeError');
    expect(secrets().wordsOf('text')).toBe('text');
  });

  it('ends with causes that go round', () => {
    const error: Error & { cause?: unknown } = new Error('round');
    error.cause = error;
    expect(secrets().wordsOf(error)).toBe('round');
  });
});
