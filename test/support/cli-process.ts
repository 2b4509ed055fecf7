import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '../..');

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliRun {
  readonly finished: Promise<Finished>;
  /** What it has printed on stderr so far. */
  readonly told: () => string;
  interrupt(): void;
}

/** The command line, compiled into a folder of its own, as a process. */
export class Cli {
  private constructor(
    private readonly folder: string,
    private readonly main: string,
  ) {}

  /** The copied package.json has the package's own name lead to what was compiled there. Types are not checked. */
  static async build(): Promise<Cli> {
    await mkdir(join(root, 'dist'), { recursive: true });
    const folder = await mkdtemp(join(root, 'dist/cli-'));
    await copyFile(join(root, 'package.json'), join(folder, 'package.json'));
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const project = join(root, 'tsconfig.build.json');
    await promisify(execFile)(process.execPath, [tsc, '-p', project, '--outDir', join(folder, 'dist'), '--noCheck']);
    return new Cli(folder, join(folder, 'dist/libs/cli/src/main.js'));
  }

  /** With nothing to read, as in a script. */
  start(args: readonly string[], { url, cwd = this.folder }: { readonly url?: string; readonly cwd?: string }): CliRun {
    const { DATABASE_URL: _, ...env } = process.env;
    const child = spawn(process.execPath, [this.main, ...args], {
      cwd,
      env: { ...env, NO_COLOR: '1', ...(url === undefined ? {} : { DATABASE_URL: url }) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const killIt = (): boolean => child.kill('SIGKILL');
    process.once('exit', killIt);
    let told = '';
    child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()));
    const finished = Promise.all([text(child.stdout), once(child, 'close') as Promise<[number | null]>]).then(
      ([stdout, [code]]) => {
        process.off('exit', killIt);
        return { code, stdout, stderr: told };
      },
    );
    return { finished, told: () => told, interrupt: () => child.kill('SIGINT') };
  }

  run(args: readonly string[], options: Parameters<Cli['start']>[1] = {}): Promise<Finished> {
    return this.start(args, options).finished;
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
