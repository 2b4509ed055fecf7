// Loads every public entry of the installed package; the app has none of the optional peers but the SQLite driver.

import { readFileSync } from 'node:fs';

const { name, exports } = JSON.parse(readFileSync(`node_modules/nestjs-turnpike/package.json`, 'utf8'));
for (const entry of Object.keys(exports).filter((entry) => !entry.endsWith('.json'))) {
  const loaded = await import(name + entry.slice(1));
  if (Object.keys(loaded).length === 0) throw new Error(`${name}${entry.slice(1)} exports nothing`);
  console.log(`${name}${entry.slice(1)} loads`);
}
