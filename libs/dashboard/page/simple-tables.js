// @ts-check
/** @import { BarrierSnapshot, CheckpointSnapshot } from '../src/core/snapshot.js' */
import { byId, h, setAttribute, setText } from './dom.js';
import { age, count, duration } from './format.js';
import { table } from './table.js';

/** @param {HTMLElement} cell @param {string} text @param {'good' | 'warn' | 'bad'} tone */
export function badge(cell, text, tone) {
  const made = cell.firstElementChild ?? cell.appendChild(h('span', { class: 'badge' }));
  setText(made, text);
  setAttribute(made, 'data-tone', tone);
}

/** @returns {(checkpoints: readonly CheckpointSnapshot[]) => void} */
export function checkpoints() {
  const rows = table({
    caption: 'Checkpoints',
    empty: 'No checkpoint is open.',
    keyOf: (/** @type {CheckpointSnapshot} */ { stream, partition }) => JSON.stringify([stream, partition]),
    columns: [
      {
        title: 'Stream',
        class: 'strong',
        text: ({ stream, partition }) => (partition === '' ? stream : `${stream} · ${partition}`),
      },
      { title: 'Committed', class: 'code', text: ({ committed }) => committed ?? '–' },
      { title: 'Pending', class: 'number', text: ({ pending }) => count(pending) },
      { title: 'Oldest open', class: 'number', text: ({ oldestUnresolvedMs: ms }) => (ms === 0 ? '–' : age(ms)) },
      { title: 'Failures', class: 'number', text: ({ failures }) => count(failures) },
    ],
  });
  byId('checkpoints').replaceChildren(rows.element);
  return (all) => rows.show(all);
}

/** @returns {(barriers: readonly BarrierSnapshot[]) => void} */
export function barriers() {
  const rows = table({
    caption: 'Barriers',
    empty: 'There is no barrier.',
    keyOf: (/** @type {BarrierSnapshot} */ { name }) => name,
    columns: [
      { title: 'Name', class: 'strong', text: ({ name }) => name },
      { title: 'Held keys', class: 'number', text: ({ held }) => count(held) },
      { title: 'Longest', class: 'number', text: ({ oldestHoldAgeMs: ms }) => (ms === 0 ? '–' : duration(ms)) },
    ],
  });
  byId('barriers').replaceChildren(rows.element);
  return (all) => rows.show(all);
}
