import { type Bench } from './support/bench.js';

/** What `npm run bench -- <name>` can run. A benchmark is loaded when it runs: its peers may not be installed. */
export const benches: Readonly<Record<string, () => Promise<{ readonly default: Bench }>>> = {
  barrier: () => import('./barrier.bench.js'),
  checkpoint: () => import('./checkpoint.bench.js'),
  lessor: () => import('./lessor.bench.js'),
  outbox: () => import('./outbox.bench.js'),
  'outbox-backlog': () => import('./outbox-backlog.bench.js'),
  'outbox-held-key': () => import('./outbox-held-key.bench.js'),
  publishers: () => import('./publishers.bench.js'),
  queue: () => import('./queue.bench.js'),
};
