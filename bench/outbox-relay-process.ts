import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { optionsOf, startOutboxApp } from './outbox-app.js';
import { DRAIN_SETTINGS } from './outbox-drain.js';
import { CountingPublisher } from './outbox-messages.js';

// A relay of its own process: says when it has its share, begins when told to go, and ends when told to stop.
const [url = '', share = '64'] = process.argv.slice(2);
const { batchSize, maxInFlight, publisherBatchSize } = DRAIN_SETTINGS;
const publisher = new CountingPublisher(publisherBatchSize);
const { app, relay } = await startOutboxApp(optionsOf(url), {
  publisher,
  relay: { batchSize, maxInFlight, claimDurationMs: 3000 },
});
relay.pause();
while (relay.stats().shards !== Number(share)) await sleep(20);
process.send?.('ready');
await once(process, 'message');
relay.resume();
await once(process, 'message');
await app.close();
process.disconnect?.();
