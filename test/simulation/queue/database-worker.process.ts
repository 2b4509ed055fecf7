import { writeSync } from 'node:fs';
import { DataSource } from 'typeorm';
import { Queue } from 'nestjs-turnpike/queue';

/**
 * One of several processes on one Postgres. Prints `P id ...` when a call of process begins, and `E code` for an internal
 * error. Holds a call with a negative id until it is told to go on.
 */
const [url = ''] = process.argv.slice(2);
const say = (line: string): number => writeSync(1, `${line}\n`);

const dataSource = await new DataSource({ type: 'postgres', url, poolSize: 4 }).initialize();
/** Each held call waits for a word of its own. */
const goOn = () => new Promise((resolve) => process.stdin.once('data', resolve));

const queue = new Queue<number>(
  async (batch) => {
    const items = [...batch];
    say(`P ${items.join(' ')}`);
    if (items.some((item) => item < 0)) await goOn();
    else await new Promise((resolve) => setTimeout(resolve, 5));
  },
  {
    name: 'shared',
    dataSource,
    batches: 2,
    claimMs: 600,
    pollIntervalMs: 20,
    onInternalError: (error) => say(`E ${(error as { code?: string }).code ?? error.message}`),
  },
);
await queue.open();
say('R');
