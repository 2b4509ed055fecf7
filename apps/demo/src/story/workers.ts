import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';

export interface Worker {
  readonly pid: number;
  readonly state: 'starting' | 'running' | 'killed' | 'ended';
}

export const MOST_WORKERS = 4;
/** How long one that has ended is still shown. */
const SHOWN_MS = 10_000;
/** More than its shutdown may take. */
const STOP_MS = 10_000;

interface Child {
  readonly process: ChildProcess;
  readonly ended: Promise<unknown>;
  state: Worker['state'];
  endedAtMs: number;
}

/**
 * The processes that relay for this one: real ones, started and killed. They end with it, also when it is killed itself:
 * a worker ends when its channel to this process does.
 */
export class Workers implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(Workers.name);
  private readonly children = new Map<number, Child>();
  private closing = false;

  constructor(private readonly initial: number) {}

  onApplicationBootstrap(): void {
    for (let n = 0; n < this.initial; n++) this.start();
  }

  /** Those that run, and those that have ended just now. */
  get all(): Worker[] {
    for (const [pid, { endedAtMs }] of this.children) if (Date.now() - endedAtMs > SHOWN_MS) this.children.delete(pid);
    return Array.from(this.children, ([pid, { state }]) => ({ pid, state }));
  }

  get alive(): number {
    return this.all.filter(({ state }) => state === 'starting' || state === 'running').length;
  }

  /** False: there are enough. */
  start(): boolean {
    if (this.closing || this.alive >= MOST_WORKERS) return false;
    const process = fork(join(import.meta.dirname, '../worker.js'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const child: Child = { process, ended: once(process, 'exit'), state: 'starting', endedAtMs: Infinity };
    process.once('message', () => (child.state = 'running'));
    process.once('exit', (code, signal) => this.ended(child, code ?? signal ?? 'nothing'));
    process.once('error', (error) => this.logger.error(`A worker could not be started: ${error.message}`));
    if (process.pid !== undefined) this.children.set(process.pid, child);
    return true;
  }

  /** As `kill -9`: it gets no chance to give anything back. False: there is none of ours with this id. */
  kill(pid: number): boolean {
    const child = this.children.get(pid);
    if (!child || child.state === 'killed' || child.state === 'ended') return false;
    child.state = 'killed';
    return child.process.kill('SIGKILL');
  }

  async onModuleDestroy(): Promise<void> {
    this.closing = true;
    await Promise.all(Array.from(this.children.values(), (child) => this.stop(child)));
  }

  private async stop({ process, ended }: Child): Promise<void> {
    if (process.exitCode !== null || process.signalCode !== null) return;
    process.kill('SIGTERM');
    const late = new AbortController();
    await Promise.race([ended, sleep(STOP_MS, undefined, { signal: late.signal }).catch(() => undefined)]);
    late.abort();
    process.kill('SIGKILL'); // does nothing to one that has ended
  }

  private ended(child: Child, how: number | string): void {
    child.endedAtMs = Date.now();
    if (child.state === 'killed') return;
    child.state = 'ended';
    if (!this.closing) this.logger.error(`Worker ${child.process.pid} ended with ${how}.`);
  }
}
