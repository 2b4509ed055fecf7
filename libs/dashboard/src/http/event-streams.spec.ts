import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { EventStreams } from './event-streams.js';

/** A response whose client has asked and reads nothing. */
async function toSomebodyWhoDoesNotRead() {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1').pause();
  client.on('error', () => undefined); // it is cut off
  client.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  const [, response] = (await once(server, 'request')) as [unknown, ServerResponse];
  const close = async (): Promise<void> => {
    client.destroy();
    server.close();
    await once(server, 'close');
  };
  return { response, [Symbol.asyncDispose]: close };
}

describe('EventStreams', () => {
  it('keep nothing for a viewer that does not read, and let it go after a minute of events', async () => {
    await using slow = await toSomebodyWhoDoesNotRead();
    const send = new EventStreams().begin(slow.response);
    const event = 'x'.repeat(500_000);
    let most = 0;
    for (let n = 0; n < 100 && !slow.response.destroyed; n += 1) {
      send?.('snapshot', event);
      await new Promise((resolve) => setImmediate(resolve));
      most = Math.max(most, slow.response.writableLength);
    }
    expect(most).toBeLessThan(2 * event.length);
    expect(slow.response.destroyed).toBe(true);
  });

  it('end when the app closes, and none begins after', async () => {
    await using viewer = await toSomebodyWhoDoesNotRead();
    await using late = await toSomebodyWhoDoesNotRead();
    const streams = new EventStreams();
    streams.begin(viewer.response);
    streams.close();
    expect(viewer.response.writableEnded).toBe(true);
    expect(streams.begin(late.response)).toBeUndefined();
  });
});
