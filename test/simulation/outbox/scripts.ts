import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface Scripts {
  path(name: 'relay' | 'producer'): string;
  remove(): Promise<void>;
}

/**
 * Compiles the processes beside this file and the libs they use into a folder of their own, where the copied package.json has
 * the package's own name lead to what was compiled. Types are not checked.
 */
export async function buildScripts(): Promise<Scripts> {
  const root = join(import.meta.dirname, '../../..');
  await mkdir(join(root, 'dist'), { recursive: true });
  const folder = await mkdtemp(join(root, 'dist/outbox-'));
  await copyFile(join(root, 'package.json'), join(folder, 'package.json'));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const project = join(import.meta.dirname, 'tsconfig.json');
  await promisify(execFile)(process.execPath, [tsc, '-p', project, '--outDir', join(folder, 'dist'), '--noCheck']);
  return {
    path: (name) => join(folder, 'dist/test/simulation/outbox', `${name}.process.js`),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
