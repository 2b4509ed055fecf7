import { execFile } from 'node:child_process';
import { copyFile, cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '../..');

/**
 * Compiles the demo and the libs into a folder of their own, so that no other build gets in the way, and answers where
 * its main.js is. The copied package.json has the package's own name lead to what was compiled there, and to the copied page of
 * the dashboard. Types are not checked: `npm run typecheck` does so.
 */
export async function buildDemo(): Promise<{ readonly main: string; remove(): Promise<void> }> {
  await mkdir(join(root, 'dist'), { recursive: true });
  const folder = await mkdtemp(join(root, 'dist/e2e-'));
  await copyFile(join(root, 'package.json'), join(folder, 'package.json'));
  await cp(join(root, 'libs/dashboard/page'), join(folder, 'libs/dashboard/page'), { recursive: true });
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const project = join(root, 'apps/demo/tsconfig.app.json');
  await promisify(execFile)(process.execPath, [tsc, '-p', project, '--outDir', join(folder, 'dist'), '--noCheck']);
  return {
    main: join(folder, 'dist/apps/demo/src/main.js'),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
