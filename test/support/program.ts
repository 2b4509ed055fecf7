import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const script = fileURLToPath(new URL('../../scripts/program.sh', import.meta.url));

/** Where a program is that is no part of npm; installed first where there is none. */
export async function pathOf(program: 'chromium' | 'pgbouncer'): Promise<string> {
  const { stdout } = await promisify(execFile)(script, [program]);
  return stdout.trim();
}
