// @ts-check
import { h } from './dom.js';

/**
 * Which rows of a list are ticked, and the buttons for them.
 *
 * @param {{ what: string, requeue: (ids: string[]) => Promise<void>, purge: (ids: string[]) => Promise<void> }} o
 */
export function selection({ what, requeue, purge }) {
  /** @type {Set<string>} */
  const ticked = new Set();
  /** @type {readonly string[]} */
  let listed = [];
  const all = h('input', { type: 'checkbox', 'aria-label': `Select all ${what}`, onchange: tickAll });
  const amount = h('span', { class: 'amount' }, 'none selected');
  const again = h('button', { type: 'button', class: 'small', onclick: () => void requeue([...ticked]) }, 'Requeue');
  const away = h('button', { type: 'button', class: 'small danger', onclick: () => void purge([...ticked]) }, 'Purge…');
  const bar = h(
    'div',
    { class: 'bar', role: 'group', 'aria-label': `Selected ${what}` },
    h('label', {}, all, ' All'),
    again,
    away,
    amount,
  );

  /** @type {Map<string, HTMLInputElement>} */
  const boxes = new Map();

  function tickAll() {
    for (const id of listed) {
      if (all.checked) ticked.add(id);
      else ticked.delete(id);
    }
    show(listed);
  }

  /** @param {readonly string[]} ids what the list shows now */
  function show(ids) {
    listed = ids;
    for (const id of ticked) if (!ids.includes(id)) ticked.delete(id);
    for (const [id, box] of boxes) {
      if (ids.includes(id)) box.checked = ticked.has(id);
      else boxes.delete(id);
    }
    bar.hidden = ids.length === 0;
    all.checked = ticked.size > 0 && ticked.size === ids.length;
    all.indeterminate = ticked.size > 0 && ticked.size < ids.length;
    again.disabled = away.disabled = ticked.size === 0;
    amount.textContent = ticked.size === 0 ? 'none selected' : `${ticked.size} selected`;
  }

  return {
    bar,
    show,
    clear: () => {
      ticked.clear();
      show(listed);
    },
    /** Puts the row's box into its cell, once. @param {HTMLElement} cell @param {string} id @param {string} label */
    box(cell, id, label) {
      if (cell.firstElementChild) return;
      const box = h('input', {
        type: 'checkbox',
        'aria-label': label,
        onchange: () => {
          if (box.checked) ticked.add(id);
          else ticked.delete(id);
          show(listed);
        },
      });
      boxes.set(id, box);
      cell.append(box);
    },
  };
}
