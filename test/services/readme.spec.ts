import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { createApp } from '../../apps/demo/src/create-app.js';
import { openSqlite } from '../support/databases.js';
import { eventually } from '../support/eventually.js';

const repository = join(import.meta.dirname, '../..');
const run = promisify(execFile);

it('What the README asks of the demo by curl is answered as it says', async () => {
  const database = await openSqlite();
  const app = await createApp({ databaseUrl: database.url }, { logger: ['error', 'fatal'] });
  onTestFinished(async () => {
    await app.close();
    await database.close();
  });
  await app.listen(0, '127.0.0.1');
  const words = ['README.md', 'curl -s localhost:3000/orders'];
  const { stdout: block } = await run('node', ['scripts/block.mjs', ...words], { cwd: repository });
  const { host } = new URL(await app.getUrl());
  const here = block.replaceAll('localhost:3000', host);
  const ask = async (): Promise<string> => (await run('bash', ['-euo', 'pipefail', '-c', here])).stdout;
  expect(await ask()).toMatch(/^\{"id":"[^"]+","customerId":"c1"/);
  // Each time it places another order: by and by, the first is delivered, and counted.
  await eventually(async () => expect(await ask()).toMatch(/"orderId":.*"sku":"mug"/));
});
