import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The repository's. */
export const root = join(import.meta.dirname, '../..');

const NOT_OURS = new Set(['node_modules', 'dist', '.git', 'coverage']);

/** All pages of the documentation, from the root. */
export function pagesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return NOT_OURS.has(entry.name) ? [] : pagesBelow(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}
