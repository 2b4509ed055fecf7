import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { optionsOf, startOutboxApp } from './outbox-app.js';
import { publishMany } from './outbox-messages.js';

const RELAY = fileURLToPath(new URL('./outbox-relay-process.js', import.meta.url));

/** Messages a second that so many relay processes deliver together, once each has its share of the shards. */
export async function drainByProcesses(url: string, processes: number, count: number): Promise<number> {
  const { app, outbox, relay, dataSource } = await startOutboxApp(optionsOf(url), { relay: false });
  const relays = await Promise.all(Array.from({ length: processes }, () => startRelay(url, processes)));
  try {
    await publishMany({ app, outbox, relay, dataSource }, count);
    await dataSource.query('vacuum analyze');
    const startMs = performance.now();
    for (const one of relays) one.send('go');
    while ((await dataSource.query('select 1 as one from turnpike_outbox_entry limit 1')).length > 0) await sleep(2);
    return (count / (performance.now() - startMs)) * 1000;
  } finally {
    for (const one of relays) {
      one.send('stop');
      await once(one, 'exit');
    }
    await app.close();
  }
}

/** It has its fair share of the shards when this resolves, and delivers nothing before it is told to. */
async function startRelay(url: string, processes: number): Promise<ChildProcess> {
  const child = fork(RELAY, [url, String(Math.floor(64 / processes))], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  await once(child, 'message');
  return child;
}
