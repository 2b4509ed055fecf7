import { httpLane, REQUESTS } from './publishers/http.js';
import { IN_FLIGHT, messages, PAYLOAD_BYTES, publishAll, type Lane } from './publishers/lane.js';
import { natsLane } from './publishers/nats.js';
import { rabbitMqLane } from './publishers/rabbitmq.js';
import { redisLane } from './publishers/redis.js';
import { RELAY, throughRelay } from './publishers/through-relay.js';
import { type BenchResult } from './support/bench.js';
import { median, perSecond } from './support/measure.js';
import { printLine } from './support/print.js';

const RUNS = 5;

/**
 * The publisher and its client by itself, in turns, so that a busy machine slows both alike: medians of the runs, and of the
 * ratio of the two runs of a turn.
 */
async function measure({ name, count, publisher, client, bare, check, close }: Lane): Promise<BenchResult> {
  const inFlight = name === 'http' ? REQUESTS : IN_FLIGHT;
  const rates: Record<'publisher' | 'client' | 'bare', number[]> = { publisher: [], client: [], bare: [] };
  try {
    for (let run = -1; run < RUNS; run++) {
      const all = messages(count);
      const turns = {
        publisher: () => publishAll(publisher, all, inFlight),
        client: () => client(all),
        bare: () => bare(all),
      };
      for (const who of ['publisher', 'client', 'bare'] as const) {
        const rate = await perSecond(count, turns[who]);
        await check(count);
        if (run >= 0) rates[who].push(rate); // until then the code is being compiled
      }
    }
    printLine(`${name}: through the relay`, await throughRelay(publisher, count));
    await check(count);
  } finally {
    await close();
  }
  printLine(`${name}: bodies alone`, median(rates.bare));
  return {
    [`${name}PerSecond`]: median(rates.publisher),
    [`${name}ClientPerSecond`]: median(rates.client),
    [`${name}RatioPercent`]: 100 * median(rates.publisher.map((rate, run) => rate / (rates.client[run] ?? Number.NaN))),
  };
}

export default async function publishers(): Promise<BenchResult> {
  console.log(
    `${PAYLOAD_BYTES} bytes of JSON, ${IN_FLIGHT} messages in flight (http: ${REQUESTS}), beside the client that sends the ` +
      'same messages by itself, with the same acknowledgement; once from an outbox on Postgres, by a relay with ' +
      `${JSON.stringify(RELAY)}:`,
  );
  let result: BenchResult = {};
  for (const open of [rabbitMqLane, natsLane, redisLane, httpLane]) {
    result = { ...result, ...(await measure(await open())) };
  }
  return result;
}
