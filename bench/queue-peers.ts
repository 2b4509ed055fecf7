import { createRequire } from 'node:module';
import { betterQueue } from './queue-peer-better-queue.js';
import { bullmq } from './queue-peer-bullmq.js';
import { plainjob } from './queue-peer-plainjob.js';
import { medianOfRuns } from './support/measure.js';
import { printLine } from './support/print.js';

/** A queue of somebody else, with settings that make it as durable as ours: `durability` says what it was run with. */
export interface Peer {
  readonly name: string;
  readonly durability: string;
  /** Items a second that are pushed and stored, nothing else. */
  stored(): Promise<number>;
  /** Items a second that are pushed, stored, processed and completed. */
  endToEnd(): Promise<number>;
}

/** Makes a peer that keeps its files in the folder, or says why it cannot run here. */
export type MakePeer = (require: NodeJS.Require, folder: string) => Promise<Peer | string>;

/** bench/package.json installs them, as nobody but this benchmark needs them. It is compiled to dist/bench. */
const requirePeer = createRequire(new URL('../../bench/package.json', import.meta.url));

const PEERS: Readonly<Record<string, MakePeer>> = { plainjob, 'better-queue': betterQueue, BullMQ: bullmq };

/** Measures those that are there, and says which are not. */
export async function measurePeers(folder: string): Promise<void> {
  for (const [name, make] of Object.entries(PEERS)) {
    const peer = await load(make, folder);
    if (typeof peer === 'string') {
      console.log(`${name} is left out: ${peer}`);
      continue;
    }
    console.log(`${peer.name}, ${peer.durability}:`);
    printLine('stored per second', await medianOfRuns(() => peer.stored()));
    printLine('end to end per second', await medianOfRuns(() => peer.endToEnd()));
  }
}

async function load(make: MakePeer, folder: string): Promise<Peer | string> {
  try {
    return await make(requirePeer, folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    return 'it is not installed. Install it by `npm ci --prefix bench`.';
  }
}
