import { describe, expect, it } from 'vitest';
import { parseUrls } from './server-urls.js';

describe('parseUrls', () => {
  it('takes one URL or several', () => {
    expect(parseUrls('amqp://host', ['amqp:']).map(({ hostname }) => hostname)).toEqual(['host']);
    expect(parseUrls(['amqp://a', 'amqps://b'], ['amqp:', 'amqps:'])).toHaveLength(2);
  });

  it.each([['no URL'], ['http://user:s3cret@host'], ['amqp:///vhost'], ['amqp://user:s3cret@host:port'], ['']])(
    'refuses %j, and says which form it must have',
    (url) => {
      const parse = (): unknown => parseUrls(url, ['amqp:', 'amqps:']);
      expect(parse).toThrow(/^url must be of the form amqp:\/\/\.\.\. or amqps:\/\/\.\.\./);
      expect(parse).not.toThrow('s3cret');
    },
  );

  it('refuses no URL at all', () => {
    expect(() => parseUrls([], ['amqp:'])).toThrow('at least one server');
  });
});
