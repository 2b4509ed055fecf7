import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { DataSourceOptions } from 'typeorm';
import { eventually } from '../../support/eventually.js';
import type { Collector } from './collector.js';
import type { Scripts } from './scripts.js';
import type { ProcessOptions, ProducerSettings, RelaySettings } from './wire.js';

/** By which the test's own connections are told from those of the processes it may cut. */
export const APPLICATION = 'turnpike-simulation';

/** The processes of a test. */
export class Crowd {
  private readonly children = new Map<string, ChildProcess>();

  constructor(
    private readonly scripts: Scripts,
    private readonly collector: Collector,
    private readonly database: DataSourceOptions,
  ) {}

  relay(name: string, settings: RelaySettings): void {
    this.start('relay', name, settings);
  }

  producer(name: string, settings: ProducerSettings): void {
    this.start('producer', name, settings);
  }

  /** Resolves when all of them have said hello. */
  async arrived(...names: string[]): Promise<void> {
    await eventually(
      () => {
        const missing = names.filter((name) => !this.collector.present.includes(name));
        if (missing.length > 0) throw new Error(`${missing.join(', ')} did not start`);
      },
      { withinMs: 60_000 },
    );
  }

  /** Until the relays have this many shards, as they say themselves. */
  async shares(expected: Readonly<Record<string, number>>): Promise<void> {
    await eventually(
      () => {
        for (const [name, shards] of Object.entries(expected)) {
          const has = this.collector.vitals.get(name)?.shards;
          if (has !== shards) throw new Error(`${name} has ${has} shards, and not ${shards}`);
        }
      },
      { withinMs: 60_000 },
    );
  }

  send(name: string, signal: NodeJS.Signals): void {
    this.child(name).kill(signal);
  }

  /** Ends it, and resolves when it has ended and all that it sent was heard. Gives its exit code, or the signal. */
  async end(name: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<number | string | null> {
    this.send(name, signal);
    return this.ended(name);
  }

  async ended(name: string): Promise<number | string | null> {
    const child = this.child(name);
    const left = this.collector.left(name);
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    await left;
    this.children.delete(name);
    return child.exitCode ?? child.signalCode;
  }

  async close(): Promise<void> {
    for (const child of this.children.values()) child.kill('SIGKILL');
    await Promise.all([...this.children.keys()].map((name) => this.ended(name)));
  }

  private child(name: string): ChildProcess {
    const child = this.children.get(name);
    if (!child) throw new Error(`${name} does not run`);
    return child;
  }

  private start(script: 'relay' | 'producer', name: string, settings: RelaySettings | ProducerSettings): void {
    const options: ProcessOptions = { name, port: this.collector.port, database: this.database };
    const argument = JSON.stringify({ ...options, ...settings });
    const stdio: ['ignore', 'ignore', 'inherit'] = ['ignore', 'ignore', 'inherit'];
    this.children.set(name, spawn(process.execPath, [this.scripts.path(script), argument], { stdio }));
  }
}

/** A process's way to the database: a few connections, under a name of its own where the server shows it. */
export function connectionsTo(url: string, poolSize = 6): DataSourceOptions {
  if (url.startsWith('postgres')) return { type: 'postgres', url, poolSize, applicationName: APPLICATION };
  return { type: 'mariadb', url, poolSize };
}
