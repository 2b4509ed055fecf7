// Prints the package.json of an app that uses the outbox on SQLite: the tarball, the peers that are not optional, and the driver.
//
//   node scripts/smoke/write-package.mjs <our package.json> <tarball>

import { readFileSync } from 'node:fs';

const [manifest, tarball] = process.argv.slice(2);
const { name, peerDependencies, peerDependenciesMeta } = JSON.parse(readFileSync(manifest, 'utf8'));

const driver = 'better-sqlite3';
const peers = Object.entries(peerDependencies).filter(
  ([peer]) => peer === driver || !peerDependenciesMeta[peer]?.optional,
);
const app = {
  private: true,
  type: 'module',
  dependencies: { [name]: `file:${tarball}`, ...Object.fromEntries(peers) },
  allowScripts: { [driver]: true },
};
console.log(JSON.stringify(app, null, 2));
