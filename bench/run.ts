import { spawnSync } from 'node:child_process';
import { benches } from './benches.js';
import { printMachine, printResult } from './support/print.js';

const [name = ''] = process.argv.slice(2);
const load = Object.hasOwn(benches, name) ? benches[name] : undefined;

if (!load) {
  if (name !== '') console.log(`There is no benchmark "${name}".`);
  console.log(`npm run bench -- <name>, where name is one of: ${Object.keys(benches).join(', ')}`);
  process.exitCode = name === '' ? 0 : 1;
} else if (!globalThis.gc) {
  const { status } = spawnSync(process.execPath, ['--expose-gc', ...process.argv.slice(1)], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
} else {
  printMachine();
  console.log(`${name}, medians of 5 runs:`);
  const bench = await load();
  printResult(name, await bench.default());
}
