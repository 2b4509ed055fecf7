import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { HttpPublisher } from 'nestjs-turnpike/outbox/http';
import { one, type Lane } from './lane.js';

/** Requests without an answer at a time. */
export const REQUESTS = 50;

/** An endpoint in a process of its own, which reads each request, counts it and answers 200. */
const ENDPOINT = `
  let count = 0;
  const server = require('node:http').createServer((request, response) => {
    request.on('data', () => undefined).on('end', () => {
      if (request.method === 'POST') count += 1;
      else [response.statusMessage, count] = [String(count), 0];
      response.end();
    });
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

export async function httpLane(): Promise<Lane> {
  const endpoint = spawn(process.execPath, ['--eval', ENDPOINT], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [port] = (await once(endpoint.stdout, 'data')) as [Buffer];
  const url = `http://127.0.0.1:${String(port).trim()}/`;
  const publisher = new HttpPublisher({
    url,
    secret: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
    concurrency: REQUESTS,
  });
  const post = async (body: Uint8Array, init: RequestInit): Promise<void> => {
    const response = await fetch(url, { method: 'POST', body: body as Buffer, ...init });
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`answered ${response.status}`);
  };
  return {
    name: 'http',
    count: 10_000,
    publisher,
    client: (all) =>
      one(REQUESTS, all, ({ id, topic, namespace, key = '', contentType, body }) =>
        post(body, {
          headers: {
            'content-type': contentType,
            'webhook-id': id,
            'turnpike-topic': topic,
            'turnpike-namespace': namespace,
            'turnpike-key': key,
          },
          signal: AbortSignal.timeout(15_000),
        }),
      ),
    bare: (all) => one(REQUESTS, all, ({ body }) => post(body, {})),
    check: async (count) => {
      const { statusText } = await fetch(url);
      if (Number(statusText) !== count) throw new Error(`${statusText} of ${count} messages arrived`);
    },
    close: async () => {
      endpoint.kill();
      await once(endpoint, 'exit');
    },
  };
}
