import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pagesBelow, root } from './support/pages.js';

const pages = pagesBelow('.');
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8');

/** Where a page's links lead, but for other hosts; examples in code are no links. */
function linksOf(text: string): string[] {
  const prose = text.replaceAll(/```[\s\S]*?```/g, '').replaceAll(/`[^`\n]*`/g, 'code');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target));
}

/** A heading's anchor, as GitHub makes it. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-');
}

function anchorsOf(text: string): string[] {
  return [...text.replaceAll(/```[\s\S]*?```/g, '').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    anchorOf(heading),
  );
}

/** What is wrong with a link; undefined: nothing. */
function complaintAbout(page: string, link: string): string | undefined {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : relative(root, join(root, dirname(page), path));
  if (!existsSync(join(root, target))) return `${page} links to ${link}, which is not there`;
  if (anchor === undefined || statSync(join(root, target)).isDirectory()) return undefined;
  return anchorsOf(textOf(target)).includes(anchor) ? undefined : `${page} links to ${link}, which has no such heading`;
}

describe('The documentation', () => {
  it('has no link that leads nowhere', () => {
    const complaints = pages.flatMap((page) => linksOf(textOf(page)).map((link) => complaintAbout(page, link)));
    expect(complaints.filter((complaint) => complaint !== undefined)).toEqual([]);
  });

  it('is found from the README, every page of it', () => {
    const found = new Set(['README.md']);
    for (const page of found) {
      for (const link of linksOf(textOf(page))) {
        const target = relative(root, join(root, dirname(page), link.split('#')[0] ?? ''));
        for (const candidate of [target, join(target, 'README.md')])
          if (pages.includes(candidate)) found.add(candidate);
        // A link to a folder of pages without one of its own shows all of them.
        if (!pages.includes(join(target, 'README.md')))
          for (const candidate of pages) if (dirname(candidate) === target) found.add(candidate);
      }
    }
    expect(pages.filter((page) => !found.has(page))).toEqual([]);
  });

  it('would be told of a link that leads nowhere', () => {
    expect(complaintAbout('README.md', 'docs/nowhere.md')).toContain('is not there');
    expect(complaintAbout('README.md', 'docs/guarantees.md#nothing')).toContain('no such heading');
    expect(complaintAbout('docs/README.md', 'guarantees.md#where-it-ends')).toBeUndefined();
    expect(linksOf('[a](b.md) `[c](d.md)` [e](https://f)')).toEqual(['b.md']);
  });
});
