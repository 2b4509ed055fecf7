import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * Compiles lessor-member.ts, lessor-sweeper.ts and the libs they use into a folder of their own, where the copied
 * package.json has the package's own name lead to what was compiled. Remove the folder when the processes have ended.
 */
export async function buildScripts(): Promise<string> {
  const root = join(import.meta.dirname, '../..');
  await mkdir(join(root, 'dist'), { recursive: true });
  const folder = await mkdtemp(join(root, 'dist/simulation-'));
  await copyFile(join(root, 'package.json'), join(folder, 'package.json'));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const project = join(import.meta.dirname, 'tsconfig.lessor.json');
  await promisify(execFile)(process.execPath, [tsc, '-p', project, '--outDir', join(folder, 'dist'), '--noCheck']);
  return folder;
}
