import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '../../..');

/** The scripts beside this file, compiled into a folder of their own; types are not checked. */
export async function buildWorkers(): Promise<{ script(name: string): string; remove(): Promise<void> }> {
  await mkdir(join(root, 'dist'), { recursive: true });
  const folder = await mkdtemp(join(root, 'dist/queue-'));
  // Has the package's own name lead to what is compiled here.
  await copyFile(join(root, 'package.json'), join(folder, 'package.json'));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const args = [tsc, '-p', join(import.meta.dirname, 'tsconfig.json'), '--outDir', join(folder, 'dist'), '--noCheck'];
  await promisify(execFile)(process.execPath, args);
  return {
    script: (name) => join(folder, 'dist/test/simulation/queue', `${name}.process.js`),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** A script as a process of its own. What it prints goes into a file, so that nothing is lost when it is killed. */
export class WorkerProcess {
  readonly closed: Promise<unknown>;
  private readonly child: ChildProcess;
  private readonly folder = mkdtempSync(join(tmpdir(), 'turnpike-worker-'));

  constructor(script: string, ...args: string[]) {
    const output = openSync(join(this.folder, 'output'), 'a');
    this.child = spawn(process.execPath, [script, ...args], { stdio: ['pipe', output, 'inherit'] });
    closeSync(output);
    this.closed = once(this.child, 'close');
  }

  get lines(): readonly string[] {
    return readFileSync(join(this.folder, 'output'), 'utf8').split('\n').slice(0, -1);
  }

  /** The numbers behind the lines that begin with this letter. */
  numbers(letter: string): number[] {
    const lines = this.lines.filter((line) => line.startsWith(`${letter} `));
    return lines.flatMap((line) => line.slice(2).split(' ').map(Number));
  }

  goOn(): void {
    this.child.stdin?.write('go\n');
  }

  send(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    if (this.child.exitCode === null && this.child.signalCode === null) await this.closed;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
