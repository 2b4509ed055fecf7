import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pagesBelow, root } from './support/pages.js';
import { RUNNERS, shellBlocksOf } from './support/shell-blocks.js';

describe('The shell commands of the documentation', () => {
  const blocks = pagesBelow('.').flatMap((page) => shellBlocksOf(page, join(root, page)));

  it('are each run as they are written, or listed with the reason why not', () => {
    const unknown = blocks.filter(({ page, text }) => {
      const beginnings = Object.keys(RUNNERS[page] ?? {});
      return beginnings.filter((words) => text.startsWith(words)).length !== 1;
    });
    expect(unknown).toEqual([]);
  });

  it('are all that is listed', () => {
    for (const [page, runners] of Object.entries(RUNNERS)) {
      for (const words of Object.keys(runners)) {
        const found = blocks.filter((block) => block.page === page && block.text.startsWith(words));
        expect(found, `${page}: ${words}`).toHaveLength(1);
      }
    }
  });

  it('are named by what is said to run them', () => {
    for (const [page, runners] of Object.entries(RUNNERS)) {
      for (const [words, runner] of Object.entries(runners)) {
        if (!('by' in runner)) continue;
        const script = readFileSync(join(root, runner.by), 'utf8');
        // The examples' script is in their folders when it reads their pages.
        const from = page.startsWith('examples/') ? 'README.md' : page;
        const named = [`${from}" '${words}`, `${from} '${words}`, `'${from}', '${words}`];
        expect(
          named.some((call) => script.includes(call)),
          `${runner.by}: ${page}`,
        ).toBe(true);
      }
    }
  });
});
