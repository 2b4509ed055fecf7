import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { dialectOf, execute } from 'nestjs-turnpike/dialect';
import type { DataSource } from 'typeorm';
import { buildScripts } from './lessor-scripts.js';
import type { MemberOptions } from './lessor-member.js';

export interface Ownership {
  readonly part: number;
  readonly member: string;
  readonly beganMs: number;
  /** Infinity while it goes on. */
  readonly endedMs: number;
}

const PROBE_EVERY_MS = 10;

/** Members of one balance, each a process of its own, and what they wrote down about their work. */
export class LessorCluster {
  private readonly processes = new Map<string, ChildProcess>();

  private constructor(
    private readonly folder: string,
    private readonly db: DataSource,
    private readonly options: Pick<MemberOptions, 'database' | 'termMs'>,
  ) {}

  /** `db` is the test's own connection to `options.database`. */
  static async build(db: DataSource, options: Pick<MemberOptions, 'database' | 'termMs'>): Promise<LessorCluster> {
    await execute(db, 'create table ownership (part integer, member varchar(50), began bigint, ended bigint)');
    await execute(db, 'create table probe (writes integer)');
    await execute(db, 'insert into probe values (0)');
    return new LessorCluster(await buildScripts(), db, options);
  }

  start(name: string, skewMs = 0): void {
    const main = join(this.folder, 'dist/test/simulation/lessor-member.js');
    const member: MemberOptions = { ...this.options, name, skewMs };
    const stdio: ['ignore', 'ignore', 'inherit'] = ['ignore', 'ignore', 'inherit'];
    this.processes.set(name, spawn(process.execPath, [main, JSON.stringify(member)], { stdio }));
  }

  /** Ends a member's process, and returns when that was by the database's clock: on SIGTERM when it was asked to. */
  async end(name: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<number> {
    const child = this.processes.get(name);
    if (!child) throw new Error(`${name} is not running`);
    this.processes.delete(name);
    const askedMs = await this.nowMs();
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
    if (signal === 'SIGTERM') return askedMs;
    // A dead process works on nothing, and could not say so.
    const p = dialectOf(this.db).parameters();
    const set = `update ownership set ended = ${p.add(await this.nowMs())}`;
    await execute(this.db, `${set} where ended is null and member = ${p.add(name)}`, p.values);
    return askedMs;
  }

  async nowMs(): Promise<number> {
    const { rows } = await execute<{ now_ms: string }>(this.db, `select ${dialectOf(this.db).nowMs} as now_ms`);
    return Number(rows[0]?.now_ms);
  }

  /** How long a small durable write takes while `work` goes on, at the median: a measure of how busy the machine is. */
  async writeMsDuring(work: () => Promise<void>): Promise<number> {
    const tookMs: number[] = [];
    const done = new AbortController();
    const probe = async (): Promise<void> => {
      while (!done.signal.aborted) {
        const startMs = performance.now();
        // Being woken late is part of it.
        await sleep(PROBE_EVERY_MS);
        await execute(this.db, 'update probe set writes = writes + 1');
        tookMs.push(performance.now() - startMs - PROBE_EVERY_MS);
      }
    };
    const probing = probe();
    try {
      await work();
    } finally {
      done.abort();
      await probing;
    }
    return tookMs.toSorted((a, b) => a - b)[Math.floor(tookMs.length / 2)] ?? 0;
  }

  /** How many members the lessor counts. */
  async members(): Promise<number> {
    const { rows } = await execute(this.db, 'select member from turnpike_lease_member');
    return rows.length;
  }

  async log(): Promise<Ownership[]> {
    const { rows } = await execute<{ part: number; member: string; began: string; ended: string | null }>(
      this.db,
      'select part, member, began, ended from ownership',
    );
    return rows.map(({ part, member, began, ended }) => {
      return { part, member, beganMs: Number(began), endedMs: Number(ended ?? Number.POSITIVE_INFINITY) };
    });
  }

  /** How many parts each running member works on, by name. */
  async shares(): Promise<number[]> {
    const running = (await this.log()).filter(({ endedMs }) => endedMs === Number.POSITIVE_INFINITY);
    return [...this.processes.keys()].toSorted().map((name) => running.filter(({ member }) => member === name).length);
  }

  async close(): Promise<void> {
    const exits = [...this.processes.values()].map((child) => once(child, 'exit'));
    for (const child of this.processes.values()) child.kill('SIGKILL');
    await Promise.all(exits);
    await rm(this.folder, { recursive: true, force: true });
  }
}
