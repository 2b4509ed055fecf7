import { describe, expect, it } from 'vitest';
import { Secrets } from './secrets.js';

describe('Secrets', () => {
  const hide = (text: string, ...urls: string[]): string => {
    const secrets = new Secrets();
    for (const url of urls) secrets.addUrl(url);
    return secrets.hideIn(text);
  };

  it.each([
    ['postgres://u:hunter2@h/db', 'auth failed with hunter2', 'auth failed with ***'],
    ['postgres://u:p%40ss@h/db', 'p@ss and p%40ss', '*** and ***'],
    ['postgres://u:a@b:c@h/db', 'bad a@b:c', 'bad ***'], // not encoded, as people type it
    ['postgres://h/db?user=u&sslpassword=hunter3', 'hunter3', '***'],
    ['mysql://u:@h/db', 'nothing to hide', 'nothing to hide'],
    ['postgres://only-user@h/db', 'only-user failed', 'only-user failed'],
    ['postgres://u:%zz@h/db', 'malformed %zz', 'malformed ***'],
  ])('of %s are not in: %s', (url, text, shown) => {
    expect(hide(text, url)).toBe(shown);
  });

  it('that nobody named are hidden where a URL shows them', () => {
    expect(hide('Invalid URL: redis://me:hunter2@host:99999/1')).toBe('Invalid URL: redis://***@host:99999/1');
  });

  it('that contain another are hidden whole', () => {
    const secrets = new Secrets();
    secrets.add('abc');
    secrets.add('abcdef');
    expect(secrets.hideIn('abcdef abc')).toBe('*** ***');
  });
});
