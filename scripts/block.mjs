// Prints a shell block of a page, as it is written: the one that begins with these words.
//
//   bash -e <(node scripts/block.mjs README.md 'npx nest build')

import { readFileSync } from 'node:fs';

const [page, words] = process.argv.slice(2);
const blocks = readFileSync(page, 'utf8').matchAll(/^```(?:sh|bash)\n([\s\S]*?)^```$/gm);
const found = [...blocks].map(([, block]) => block).filter((block) => block.startsWith(words));
if (found.length !== 1) throw new Error(`${page} has ${found.length} shell blocks that begin with ${words}`);
console.log(found[0].trimEnd());
