// @ts-check
/** @import { OutboxSnapshot } from '../src/core/snapshot.js' */
import { byId, h, setAttribute, setText } from './dom.js';
import { processName, ranges } from './format.js';

/** As many as there are colours in the style sheet; a further process begins with the first again. */
const COLORS = 8;

/** Who relays which shards, as a strip with a cell for each shard. @returns {(outbox: OutboxSnapshot) => void} */
export function shards() {
  const strip = h('div', { class: 'strip', role: 'img' });
  const legend = h('ul', { class: 'owners' });
  byId('shards').replaceChildren(strip, legend);
  /** Which colour a process has, as long as this page is open. @type {Map<string, number>} */
  const colors = new Map();
  let shown = '';

  return ({ shards: amount, owners, processId, name }) => {
    const state = JSON.stringify([name, amount, owners]);
    if (state === shown) return;
    shown = state;
    if (strip.childElementCount !== amount) {
      strip.replaceChildren(...Array.from({ length: amount }, () => h('span', {})));
      for (const [width, most] of [
        ['wide', 64],
        ['medium', 32],
        ['narrow', 16],
      ]) {
        strip.style.setProperty(`--${width}`, String(Math.min(amount, Number(most))));
      }
    }
    const mine = (owners ?? []).toSorted(
      (a, b) => Number(b.processId === processId) - Number(a.processId === processId),
    );
    for (const { processId: id } of mine) if (!colors.has(id)) colors.set(id, colors.size % COLORS);
    /** @type {Map<number, string>} */
    const ownerOf = new Map(mine.flatMap(({ processId: id, shards: of }) => of.map((shard) => [shard, id])));

    [...strip.children].forEach((cell, shard) => {
      const owner = ownerOf.get(shard);
      setAttribute(cell, 'data-color', owner === undefined ? undefined : String(colors.get(owner)));
      setAttribute(cell, 'title', `Shard ${shard}: ${owner === undefined ? 'nobody' : processName(owner)}`);
    });
    const free = amount - ownerOf.size;
    const said = mine.map(
      ({ processId: id, shards: of }) =>
        `${of.length} ${id === processId ? 'of this process' : `of ${processName(id)}`}`,
    );
    if (free > 0) said.push(`${free} of nobody`);
    setAttribute(strip, 'aria-label', `${amount} shards: ${said.join(', ')}`);

    legend.replaceChildren(
      ...mine.map(({ processId: id, shards: of }) =>
        h(
          'li',
          { 'data-owner': id },
          h('i', { 'data-color': colors.get(id) ?? 0 }),
          h('span', { class: 'name', title: id }, processName(id)),
          id === processId ? h('span', { class: 'badge' }, 'this process') : null,
          h('span', { class: 'amount' }, `${of.length} of ${amount}`),
          h('span', { class: 'ranges' }, ranges(of)),
        ),
      ),
      ...(free > 0 && owners
        ? [
            h(
              'li',
              {},
              h('i', {}),
              h('span', { class: 'name' }, 'nobody'),
              h('span', { class: 'amount' }, `${free} of ${amount}`),
            ),
          ]
        : []),
    );
    if (owners === null) setText(legend, 'The database has not answered yet.');
  };
}
