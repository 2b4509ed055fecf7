// @ts-check
/** @import { OutboxSnapshot } from '../src/core/snapshot.js' */
/** @import { DeadLetterDetails, DeadLetterRow, Page } from '../src/core/dead-letter-view.js' */
import { byId, h, setAttribute, setText } from './dom.js';
import { time } from './format.js';
import { attempt, confirmed } from './notices.js';
import { payloadBlock } from './payload.js';
import { get, named, post } from './requests.js';
import { selection } from './selection.js';
import { badge } from './simple-tables.js';
import { errorColumn, table } from './table.js';

/** How often the list is read anew while there is something in it, whatever the count says. */
const REFRESH_MS = 5000;

/**
 * The dead letters of an outbox: a page of them at a time, read when their number changes.
 *
 * @returns {(outbox: OutboxSnapshot) => void}
 */
export function deadLetters() {
  let outbox = '';
  /** @type {string | undefined} */
  let before;
  /** @type {string | undefined} */
  let next;
  let seen = '';
  let readAtMs = 0;
  let reading = 0;
  const chosen = selection({
    what: 'dead letters',
    requeue: (ids) => attempt(() => change('requeue', ids)),
    purge: async (ids) => {
      const sure = await confirmed({
        title: `Purge ${ids.length === 1 ? 'this dead letter' : `${ids.length} dead letters`}?`,
        text: 'They are deleted for ever. What waits behind them goes on.',
        yes: 'Purge',
      });
      if (sure) await attempt(() => change('purge', ids));
    },
  });
  const rows = table({
    caption: 'Dead letters',
    empty: 'There is none.',
    keyOf: (/** @type {DeadLetterRow} */ { id }) => id,
    columns: [
      {
        title: '',
        class: 'tick',
        fill: (cell, { id, topic, key }) => chosen.box(cell, id, `Select ${topic} ${key ?? ''} (${id})`),
      },
      { title: 'Topic', class: 'strong', text: ({ topic }) => topic },
      { title: 'Key', text: ({ key }) => key ?? '–' },
      { title: 'For', text: ({ destination }) => destination },
      { title: 'Attempts', class: 'number', text: ({ attempts }) => String(attempts) },
      { title: 'Since', text: ({ deadAtMs }) => time(deadAtMs) },
      {
        title: 'State',
        fill: (cell, { requested, holds }) =>
          badge(
            cell,
            requested ? `${requested} asked` : holds ? 'holds its key' : 'put aside',
            requested ? 'good' : holds ? 'bad' : 'warn',
          ),
      },
      errorColumn('Last error'),
      {
        title: '',
        action: {
          text: 'Details',
          label: ({ topic, id }) => `Details of ${topic} ${id}`,
          press: (row) => void toggle(row),
        },
      },
    ],
  });
  const newer = h('button', { type: 'button', class: 'small', hidden: true, onclick: () => turn(undefined) }, 'Newest');
  const older = h('button', { type: 'button', class: 'small', hidden: true, onclick: () => turn(next) }, 'Older');
  byId('dead-letters').replaceChildren(chosen.bar, rows.element, h('div', { class: 'bar' }, newer, older));

  /** @param {string | undefined} to */
  function turn(to) {
    before = to;
    chosen.clear();
    void read();
  }

  async function read() {
    const mine = (reading += 1);
    readAtMs = performance.now();
    /** @type {Page<DeadLetterRow>} */
    const page = await get(`outboxes/${named(outbox)}/dead-letters${before === undefined ? '' : `?before=${before}`}`);
    if (mine !== reading) return; // another outbox or page was asked for meanwhile
    if (page.rows.length === 0 && before !== undefined) return turn(undefined);
    rows.show(page.rows);
    chosen.show(page.rows.map(({ id }) => id));
    newer.hidden = before === undefined;
    older.hidden = page.next === null;
    next = page.next ?? undefined;
  }

  /** @param {'requeue' | 'purge'} action @param {string[]} ids */
  async function change(action, ids) {
    const { count } = await post(`outboxes/${named(outbox)}/dead-letters/${action}`, { ids });
    chosen.clear();
    await read();
    const many = count === 1 ? '1 dead letter is' : `${count} dead letters are`;
    return action === 'requeue'
      ? `${many} sent again, as soon as the relay has heard.`
      : `${many} deleted, as soon as the relay has heard.`;
  }

  /** @param {DeadLetterRow} row */
  async function toggle({ id }) {
    const tr = rows.row(id);
    const opener = tr?.querySelector('.action button');
    if (!tr || !opener) return;
    const open = tr.nextElementSibling?.classList.contains('details') ? tr.nextElementSibling : undefined;
    setAttribute(opener, 'aria-expanded', String(!open));
    if (open) return open.remove();
    const cell = h('td', { role: 'cell', colspan: tr.childElementCount }, 'Reading…');
    tr.after(h('tr', { role: 'row', class: 'details' }, cell));
    try {
      cell.replaceChildren(details(await get(`outboxes/${named(outbox)}/dead-letters/${id}`)));
    } catch (error) {
      setText(cell, error instanceof Error ? error.message : String(error));
    }
  }

  return ({ name, backlog }) => {
    if (name !== outbox) {
      outbox = name;
      before = undefined;
      seen = '';
      rows.show([]);
      chosen.clear();
    }
    const now = `${name} ${backlog?.deadLetters ?? 0}`;
    const stale = (backlog?.deadLetters ?? 0) > 0 && performance.now() - readAtMs > REFRESH_MS;
    if (now === seen && !stale) return;
    seen = now;
    // What fails is tried again with the next refresh; the list stays as it is.
    read().catch(() => (seen = ''));
  };
}

/** @param {DeadLetterDetails} letter */
function details({ id, messageId, namespace, createdAtMs, contentType, headers, history, payload }) {
  const facts = [
    ['Message', messageId],
    ['Id', id],
    ['Namespace', namespace],
    ['Published', time(createdAtMs)],
    ['Content type', contentType],
    ...Object.entries(headers).map(([name, value]) => [`Header ${name}`, value]),
  ];
  return h(
    'div',
    { class: 'letter' },
    h('dl', { class: 'facts' }, ...facts.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)])),
    payloadBlock(payload),
    h('h3', {}, 'History'),
    h(
      'ol',
      { class: 'history' },
      ...history.map(({ attempt: n, atMs, error }) =>
        h('li', { value: n }, h('time', {}, time(atMs)), ' ', h('span', {}, error)),
      ),
    ),
  );
}
