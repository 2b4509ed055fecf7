import { describe, expect, it } from 'vitest';
import { isCrossSiteChange, isFromThisMachine } from './origin.js';

describe('A change asked for by', () => {
  it.each([
    ['this site', { 'sec-fetch-site': 'same-origin' }, false],
    ['the address bar', { 'sec-fetch-site': 'none' }, false],
    ['another site', { 'sec-fetch-site': 'cross-site' }, true],
    ['a sibling of this site', { 'sec-fetch-site': 'same-site' }, true],
    ['another site, by an older browser', { origin: 'https://evil.example', host: 'localhost:3000' }, true],
    ['another port, by an older browser', { origin: 'http://localhost:4000', host: 'localhost:3000' }, true],
    ['nobody knows which site', { origin: 'null', host: 'localhost:3000' }, true],
    ['this site, by an older browser', { origin: 'http://localhost:3000', host: 'localhost:3000' }, false],
    ['what is no browser', { host: 'localhost:3000' }, false],
  ])('%s is told from others', (_who, headers, isRefused) => {
    expect(isCrossSiteChange({ method: 'POST', headers })).toBe(isRefused);
    expect(isCrossSiteChange({ method: 'DELETE', headers })).toBe(isRefused);
    expect(isCrossSiteChange({ method: 'GET', headers })).toBe(false);
  });
});

describe('A request', () => {
  it.each([
    ['127.0.0.1', { host: 'localhost:3000' }, true],
    ['::1', { host: '[::1]:3000' }, true],
    ['::ffff:127.0.0.1', { host: '127.0.0.1' }, true],
    ['192.168.0.7', { host: 'localhost:3000' }, false],
    ['::ffff:10.0.0.1', { host: 'localhost:3000' }, false],
    [undefined, { host: 'localhost:3000' }, false],
    ['127.0.0.1', { host: 'evil.example' }, false],
    ['127.0.0.1', { host: 'localhost.evil.example' }, false],
    ['127.0.0.1', {}, false],
    ['127.0.0.1', { host: 'localhost', 'x-forwarded-for': '203.0.113.9' }, false],
    ['127.0.0.1', { host: 'localhost', forwarded: 'for=203.0.113.9' }, false],
  ])('from %s with %j is from this machine: %s', (remoteAddress, headers, isFrom) => {
    expect(isFromThisMachine({ headers, remoteAddress })).toBe(isFrom);
  });
});
