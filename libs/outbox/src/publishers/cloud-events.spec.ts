import { describe, expect, it } from 'vitest';
import { outgoing } from '../../../../test/support/outgoing-message.js';
import { attributesOf, checkCloudEvents, isJson, structuredBody, type CloudEventsOptions } from './cloud-events.js';

const structured: CloudEventsOptions = { mode: 'structured' };
const eventOf = (...args: Parameters<typeof structuredBody>): Record<string, unknown> =>
  JSON.parse(Buffer.from(structuredBody(...args)).toString()) as Record<string, unknown>;

describe('a message as a CloudEvent', () => {
  it('has the attributes that the specification demands, from the message', () => {
    const message = outgoing({ id: 'm-1', namespace: 'my shop', createdAtMs: Date.UTC(2026, 0, 2) });
    expect(attributesOf(message, structured)).toEqual({
      specversion: '1.0',
      id: 'm-1',
      source: '/my%20shop',
      type: 'order.placed',
      time: '2026-01-02T00:00:00.000Z',
      datacontenttype: 'application/json',
    });
  });

  it('has its key and trace context as the extensions of the specification', () => {
    const headers = { traceparent: '00-1-2-01', tracestate: 'x=1', tenant: 'a' };
    const attributes = attributesOf(outgoing({ key: 'k', headers }), structured);
    expect(attributes).toMatchObject({ partitionkey: 'k', traceparent: '00-1-2-01', tracestate: 'x=1' });
    expect(attributes).not.toHaveProperty('tenant');
  });

  it('has the source and the extensions that the options give it, and its own attributes win', () => {
    const options: CloudEventsOptions = {
      mode: 'binary',
      source: ({ topic }) => `https://shop.example/${topic}`,
      extensions: ({ headers }) => ({ tenant: headers['tenant'] ?? '', id: 'other' }),
    };
    expect(attributesOf(outgoing({ id: 'm-1', headers: { tenant: 'a' } }), options)).toMatchObject({
      source: 'https://shop.example/order.placed',
      tenant: 'a',
      id: 'm-1',
    });
  });

  it('refuses a name that no attribute can have', () => {
    const options: CloudEventsOptions = { mode: 'binary', extensions: () => ({ 'tenant-id': 'a' }) };
    expect(() => attributesOf(outgoing(), options)).toThrow('lower-case letters and digits');
  });

  it('holds a JSON payload as it was stored, digit by digit', () => {
    const body = Buffer.from('{"n":12345678901234567890.10}');
    const text = Buffer.from(structuredBody(outgoing({ body }), structured)).toString();
    expect(text).toMatch(/,"data":\{"n":12345678901234567890\.10\}\}$/);
  });

  it.each(['null', '[]', '"text"', '0'])('holds the payload %s', (json) => {
    expect(eventOf(outgoing({ body: Buffer.from(json) }), structured)['data']).toEqual(JSON.parse(json));
  });

  it('holds bytes as base64', () => {
    const event = eventOf(outgoing({ payload: new Uint8Array([1, 2, 255]) }), structured);
    expect(event).toMatchObject({ data_base64: 'AQL/', datacontenttype: 'application/octet-stream' });
    expect(event).not.toHaveProperty('data');
  });

  it.each([
    ['application/json', true],
    ['application/json; charset=utf-8', true],
    ['application/vnd.shop+json', true],
    ['application/msgpack', false],
    ['text/plain; of=application/json', false],
  ])('takes %s for JSON: %s', (contentType, expected) => {
    expect(isJson(contentType)).toBe(expected);
  });

  it('refuses options that cannot be', () => {
    expect(() => checkCloudEvents({ mode: 'batched' as never })).toThrow('cloudEvents.mode must');
    expect(() => checkCloudEvents({ mode: 'binary', source: '' })).toThrow('cloudEvents.source must');
    expect(() => checkCloudEvents(undefined)).not.toThrow();
  });
});
