import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The checkout that the demo runs from, wherever it was compiled to. */
function repository(from = import.meta.dirname): string {
  if (existsSync(join(from, 'nest-cli.json'))) return from;
  if (dirname(from) === from) throw new Error('The demo runs from a checkout: there is none around its main.js.');
  return repository(dirname(from));
}

export function pathInRepository(path: string): string {
  return join(repository(), path);
}

export interface Excerpt {
  readonly path: string;
  /** Of its first line, from 1. */
  readonly line: number;
  readonly text: string;
}

/** From the line that begins with `from`, and the comment above it, to the end of its block. */
export function excerptOf(path: string, from: string): Excerpt {
  const lines = readFileSync(pathInRepository(path), 'utf8').split('\n');
  const at = lines.findIndex((line) => line.trimStart().startsWith(from));
  if (at < 0) throw new Error(`${path} has no line that begins with ${from}`);
  const indent = ' '.repeat(lines[at]!.length - lines[at]!.trimStart().length);
  const first = lines[at - 1] === `${indent} */` ? lines.lastIndexOf(`${indent}/**`, at) : at;
  const end = lines.findIndex((line, index) => index > at && new RegExp(`^${indent}[})]+;?$`).test(line));
  const text = lines.slice(first, end + 1).map((line) => line.slice(indent.length));
  return { path, line: first + 1, text: text.join('\n') };
}
