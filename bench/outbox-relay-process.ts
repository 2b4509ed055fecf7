import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { optionsOf, startOutboxApp } from './outbox-app.js';
import { DRAIN_SETTINGS } from './outbox-drain.js';
import { CountingPublisher } from './outbox-messages.js';

// A relay of its own process: says when it has its share, begins when told to go, and ends when told to stop. With `defaults`,
// it has the relay's default options, and sends its memory usage every 20 ms.
const [url = '', share = '64', defaults] = process.argv.slice(2);
const { batchSize, maxInFlight, publisherBatchSize } = DRAIN_SETTINGS;
const settings = defaults ? {} : { batchSize, maxInFlight };
const publisher = new CountingPublisher(defaults ? 20 : publisherBatchSize);
const { app, relay } = await startOutboxApp(optionsOf(url), {
  publisher,
  relay: { ...settings, claimDurationMs: 3000 },
});
relay.pause();
while (relay.stats().shards !== Number(share)) await sleep(20);
process.send?.('ready');
const watching = defaults ? setInterval(() => process.send?.(process.memoryUsage()), 20) : undefined;
await once(process, 'message');
relay.resume();
await once(process, 'message');
clearInterval(watching);
await app.close();
process.disconnect?.();
