import { describe, expect, it } from 'vitest';
import { refusalOf, type Asked } from './access.js';

const LOCAL = { host: 'localhost:3000' };
const SAME = { ...LOCAL, 'sec-fetch-site': 'same-origin' };
const deliberate = { 'x-turnpike-dashboard': '1' };

function asked(headers: Asked['headers'], method = 'GET', remoteAddress: string | undefined = '127.0.0.1'): Asked {
  return { headers, method, remoteAddress };
}

describe('A dashboard without a guard', () => {
  const refusal = (of: Asked): string | undefined => refusalOf(of, { loopbackOnly: true });

  it.each(['127.0.0.1', '127.8.9.1', '::1', '::ffff:127.0.0.1'])('answers to %s', (address) => {
    expect(refusal(asked(LOCAL, 'GET', address))).toBeUndefined();
  });

  it.each(['10.0.0.5', '192.168.1.2', '::ffff:10.0.0.5', 'fe80::1', '128.0.0.1', '', undefined])(
    'refuses %s',
    (address) => {
      const of = { headers: LOCAL, method: 'GET', remoteAddress: address };
      expect(refusal(of)).toMatch(/answers only to this machine/);
    },
  );

  it.each(['x-forwarded-for', 'forwarded', 'x-real-ip', 'via', 'x-forwarded-host', 'cf-connecting-ip'])(
    'refuses what came through a proxy, which %s tells',
    (header) => {
      expect(refusal(asked({ ...LOCAL, [header]: '127.0.0.1' }))).toMatch(/not answer through a proxy/);
    },
  );

  it.each(['localhost', 'LOCALHOST:80', '127.0.0.1:3000', '[::1]:3000', 'app.localhost:3000'])(
    'is called %s',
    (host) => {
      expect(refusal(asked({ host }))).toBeUndefined();
    },
  );

  it.each(['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:3000', 'notlocalhost', '', undefined])(
    'is not called %s: a name of another site may lead here',
    (host) => {
      expect(refusal(asked({ host }))).toMatch(/only under a local name/);
    },
  );
});

describe.each([true, false])('A dashboard, loopbackOnly: %s', (loopbackOnly) => {
  const refusal = (of: Asked): string | undefined => refusalOf(of, { loopbackOnly });

  it.each([
    ['its own page reads', asked(SAME)],
    ['its own page changes something', asked({ ...SAME, ...deliberate }, 'POST')],
    ['someone types the address', asked({ ...LOCAL, 'sec-fetch-site': 'none' })],
    [
      'someone follows a link',
      asked({ ...LOCAL, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }),
    ],
    ['a program reads', asked(LOCAL)],
    ['a program changes something, and means it', asked({ ...LOCAL, ...deliberate }, 'POST')],
    ['an old browser says its own origin', asked({ ...LOCAL, origin: 'http://localhost:3000', ...deliberate }, 'POST')],
  ])('answers when %s', (_what, of) => {
    expect(refusal(of)).toBeUndefined();
  });

  const cross = { ...LOCAL, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' };
  it.each([
    ["another site's page reads", asked(cross)],
    ["another site's page changes something", asked({ ...cross, ...deliberate }, 'POST')],
    ["a neighbour's page does", asked({ ...LOCAL, ...deliberate, 'sec-fetch-site': 'same-site' }, 'POST')],
    [
      'another site sends a form',
      asked(
        {
          ...LOCAL,
          ...deliberate,
          'sec-fetch-site': 'cross-site',
          'sec-fetch-mode': 'navigate',
          'sec-fetch-dest': 'document',
        },
        'POST',
      ),
    ],
    [
      'another site shows it in a frame',
      asked({ ...LOCAL, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' }),
    ],
    ['an old browser says another origin', asked({ ...LOCAL, origin: 'http://evil.example' })],
    ['an old browser hides the origin', asked({ ...LOCAL, ...deliberate, origin: 'null' }, 'POST')],
    ['another port of this machine asks', asked({ ...LOCAL, origin: 'http://localhost:8080' })],
    ['a POST comes from the address bar', asked({ ...LOCAL, ...deliberate, 'sec-fetch-site': 'none' }, 'POST')],
  ])('refuses when %s', (_what, of) => {
    expect(refusal(of)).toMatch(/what other sites ask for/);
  });

  it.each(['POST', 'PUT', 'DELETE'])('refuses a %s without the header that a form cannot send', (method) => {
    expect(refusal(asked(SAME, method))).toMatch(/x-turnpike-dashboard/);
  });
});
