import { writeSync } from 'node:fs';
import { once } from 'node:events';
import { Queue } from 'nestjs-turnpike/queue';

/**
 * A process that is killed at any time. When it is told to, it pushes numbered items into a queue file and processes
 * what is in it. Prints `A id` when a push was acknowledged and `P id ...` when a call of process begins, written when
 * the call returns.
 */
const [path = '', from = '0', pushers = '0'] = process.argv.slice(2);
const say = (line: string): number => writeSync(1, `${line}\n`);

await once(process.stdin, 'data');
const queue = new Queue<number>(async (batch) => void say(`P ${[...batch].join(' ')}`), {
  name: 'crash',
  file: { path },
  flushSize: 20,
  batches: 3,
  workers: 2,
  claimMs: 500,
});

let next = Number(from);
const pushAll = async (): Promise<never> => {
  for (;;) {
    const id = next++;
    await queue.push(id, { until: 'stored' });
    say(`A ${id}`);
  }
};
for (let count = 0; count < Number(pushers); count++) void pushAll();

if (pushers === '0') {
  while ((await queue.stats()).batches > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  await queue.close();
  process.exit(0);
}
