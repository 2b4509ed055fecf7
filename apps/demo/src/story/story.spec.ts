import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Arrivals } from './arrivals.js';
import { codeNames, codeOf } from './code.js';
import { pathInRepository } from './repository.js';

describe('Arrivals', () => {
  const watched = (...numbers: number[]): Arrivals => {
    const arrivals = new Arrivals();
    for (const number of numbers) arrivals.add({ customerId: 'ann', number });
    return arrivals;
  };

  it('finds nothing wrong with a customer whose numbers count up, whatever others do', () => {
    const arrivals = watched(1, 2);
    arrivals.add({ customerId: 'bob', number: 1 });
    arrivals.add({ customerId: 'ann', number: 3 });
    expect(arrivals).toMatchObject({ disorders: 0, repeats: 0 });
    expect([...arrivals.last]).toEqual([
      ['ann', 3],
      ['bob', 1],
    ]);
  });

  it('counts what came too early, and what came again', () => {
    expect(watched(1, 3)).toMatchObject({ disorders: 1, repeats: 0 });
    expect(watched(1, 2, 2)).toMatchObject({ disorders: 0, repeats: 1 });
    expect(watched(1, 2, 1, 3)).toMatchObject({ disorders: 0, repeats: 1 });
  });

  it('counts what had gone wrong before it watched', () => {
    const arrivals = new Arrivals();
    arrivals.begin('ann', 3, 3);
    arrivals.begin('bob', 4, 3);
    arrivals.begin('cat', 2, 3);
    arrivals.add({ customerId: 'ann', number: 4 });
    expect(arrivals).toMatchObject({ disorders: 1, repeats: 1 });
  });
});

describe('The code that the page leads to', () => {
  it.each(codeNames)('%s is in the repository, and is a whole piece', (name) => {
    const { text, line, path } = codeOf(name)!;
    const lines = text.split('\n');
    expect(lines.length).toBeGreaterThan(3);
    expect(lines.at(-1)).toMatch(/^}/);
    expect(readFileSync(pathInRepository(path), 'utf8').split('\n')[line - 1]).toContain(lines[0]);
  });

  it('is what its links name, all of it', () => {
    const page = readFileSync(pathInRepository('apps/demo/page/index.html'), 'utf8');
    const linked = Array.from(page.matchAll(/href="\/story\/code\/([^"]+)"/g), ([, name]) => name);
    expect(new Set(linked)).toEqual(new Set(codeNames));
  });

  it.each(['', 'toString', '../package.json', '__proto__'])('is not %j', (name) => {
    expect(codeOf(name)).toBeUndefined();
  });
});
