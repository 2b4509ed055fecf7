// @ts-check
/** @import { QueueSnapshot } from '../src/core/snapshot.js' */
/** @import { DeadItemRow, Page } from '../src/core/dead-letter-view.js' */
import { byId, h, setAttribute, setText } from './dom.js';
import { age, count, time } from './format.js';
import { attempt, confirmed } from './notices.js';
import { payloadBlock } from './payload.js';
import { get, named, post } from './requests.js';
import { selection } from './selection.js';
import { badge } from './simple-tables.js';
import { table } from './table.js';

/** @returns {(queues: readonly QueueSnapshot[]) => void} */
export function queues() {
  /** @type {Map<string, ReturnType<typeof deadItems>>} */
  const opened = new Map();
  const rows = table({
    caption: 'Queues',
    empty: 'There is no queue.',
    keyOf: (/** @type {QueueSnapshot} */ { name }) => name,
    columns: [
      { title: 'Name', class: 'strong', text: ({ name }) => name },
      { title: 'In memory', class: 'number', text: ({ stats }) => count(stats?.bufferedItems) },
      { title: 'Batches', class: 'number', text: ({ stats }) => count(stats?.batches) },
      { title: 'Items', class: 'number', text: ({ stats }) => count(stats?.items) },
      { title: 'Oldest', class: 'number', text: ({ stats }) => (stats ? age(stats.oldestBatchAgeMs) : '–') },
      { title: 'Workers', class: 'workers', fill: (cell, { stats }) => workers(cell, stats) },
      { title: 'Problem', class: 'reason', text: ({ problem }) => problem ?? '–' },
      {
        title: '',
        action: {
          text: 'Dead letters',
          label: ({ name }) => `Dead letters of ${name}`,
          press: ({ name }) => toggle(name),
        },
      },
    ],
  });
  byId('queues').replaceChildren(rows.element);

  /** @param {string} name */
  function toggle(name) {
    const tr = rows.row(name);
    if (!tr) return;
    if (opened.has(name)) {
      tr.nextElementSibling?.remove();
      opened.delete(name);
    } else {
      const list = deadItems(name);
      tr.after(
        h(
          'tr',
          { role: 'row', class: 'details' },
          h('td', { role: 'cell', colspan: tr.childElementCount }, list.element),
        ),
      );
      opened.set(name, list);
      void attemptRead(list);
    }
    setAttribute(tr.querySelector('.action button') ?? tr, 'aria-expanded', String(opened.has(name)));
  }

  return (all) => rows.show(all);
}

/** @param {HTMLElement} cell @param {QueueSnapshot['stats']} stats */
function workers(cell, stats) {
  if (!stats) return setText(cell, '–');
  const { alive, working, total } = stats.workers;
  badge(cell, `${working} of ${total} at work`, alive === total ? 'good' : 'bad');
}

/** @param {ReturnType<typeof deadItems>} list */
async function attemptRead(list) {
  try {
    await list.read();
  } catch (error) {
    setText(list.element, error instanceof Error ? error.message : String(error));
  }
}

/** @param {string} queue */
function deadItems(queue) {
  const path = `queues/${named(queue)}/dead-letters`;
  const chosen = selection({
    what: `dead letters of ${queue}`,
    requeue: (ids) => attempt(() => change('requeue', ids)),
    purge: async (ids) => {
      const many = ids.length === 1 ? 'this item' : `${ids.length} items`;
      const sure = await confirmed({ title: `Purge ${many}?`, text: 'They are deleted for ever.', yes: 'Purge' });
      if (sure) await attempt(() => change('purge', ids));
    },
  });
  const rows = table({
    caption: `Dead letters of ${queue}`,
    empty: 'There is none.',
    keyOf: (/** @type {DeadItemRow} */ { id }) => id,
    columns: [
      { title: '', class: 'tick', fill: (cell, { id }) => chosen.box(cell, id, `Select item ${id}`) },
      { title: 'Since', text: ({ diedAtMs }) => time(diedAtMs) },
      { title: 'Error', class: 'reason', text: ({ error }) => error },
      {
        title: 'Item',
        fill: (cell, { payload }) => void (cell.firstElementChild ?? cell.append(payloadBlock(payload))),
      },
    ],
  });

  async function read() {
    /** @type {Page<DeadItemRow>} */
    const { rows: items } = await get(path);
    rows.show(items);
    chosen.show(items.map(({ id }) => id));
  }

  /** @param {'requeue' | 'purge'} action @param {string[]} ids */
  async function change(action, ids) {
    const { count: many } = await post(`${path}/${action}`, { ids });
    chosen.clear();
    await read();
    return action === 'requeue' ? `${many} to be processed again.` : `${many} deleted.`;
  }

  return { element: h('div', {}, chosen.bar, rows.element), read };
}
