// @ts-check
import { h, keepFocus, setAttribute, setText } from './dom.js';

/**
 * A column: its heading, and what a row shows in it: a text, a button, or what `fill` makes of the cell, which is called with
 * each change of the row.
 *
 * @template Row
 * @typedef {{ title: string, class?: string, text?: (row: Row) => string,
 *   fill?: (cell: HTMLElement, row: Row) => void, action?: { text: string | ((row: Row) => string), label: (row: Row) => string, press: (row: Row) => void } }} Column
 */

/**
 * The column of the error that a row tells of, whole in its title.
 *
 * @param {string} title
 * @returns {Column<{ lastError?: string | null | undefined }>}
 */
export function errorColumn(title) {
  return {
    title,
    class: 'reason',
    fill: (cell, { lastError }) => {
      setText(cell, lastError ?? '–');
      setAttribute(cell, 'title', lastError ?? undefined);
    },
  };
}

/**
 * A table whose rows are changed in place, so that focus, selection and what was opened stay where they are. Its roles are
 * named because on a narrow screen its rows are shown as cards, and CSS would take the meaning with the look.
 *
 * @template Row
 * `most`: so many rows are shown until all are asked for.
 *
 * @param {{ caption: string, columns: readonly Column<Row>[], keyOf: (row: Row) => string, empty: string, most?: number }} o
 */
export function table({ caption, columns, keyOf, empty, most = Infinity }) {
  const head = h('tr', { role: 'row' }, ...columns.map(({ title, ...o }) => heading(title, o.class)));
  const body = h('tbody', { role: 'rowgroup' });
  const nothing = h('p', { class: 'empty' }, empty);
  const grid = h('table', { role: 'table', 'aria-label': caption }, h('thead', { role: 'rowgroup' }, head), body);
  let all = false;
  /** @type {readonly Row[]} */
  let given = [];
  const more = h('button', { type: 'button', class: 'small', onclick: () => showAll(!all) });
  const element = h('div', { class: 'table', tabindex: '-1' }, grid, nothing, h('div', { class: 'bar' }, more));
  /** @type {Map<string, HTMLTableRowElement>} */
  const rows = new Map();
  /** What each row shows now. @type {Map<string, Row>} */
  const shown = new Map();

  /** @param {string} key */
  const newRow = (key) =>
    h(
      'tr',
      { role: 'row' },
      ...columns.map(({ title, class: name, action }) => {
        const press = () => {
          const row = shown.get(key);
          if (row !== undefined) action?.press(row);
        };
        const button = action ? h('button', { type: 'button', class: 'small', onclick: press }) : null;
        return h('td', { role: 'cell', 'data-label': title, class: action ? 'action' : name }, button);
      }),
    );

  /** @param {boolean} whole */
  function showAll(whole) {
    all = whole;
    show(given);
  }

  /** @param {readonly Row[]} rowsGiven */
  function show(rowsGiven) {
    given = rowsGiven;
    const items = all ? given : given.slice(0, most);
    more.hidden = given.length <= most;
    setText(more, all ? 'Show fewer' : `Show all ${given.length}`);
    const keys = new Set(items.map(keyOf));
    for (const [key, row] of rows) {
      if (keys.has(key)) continue;
      keepFocus(row, element);
      if (row.nextElementSibling?.classList.contains('details')) row.nextElementSibling.remove();
      row.remove();
      rows.delete(key);
      shown.delete(key);
    }
    /** @type {Element | null} */
    let next = body.firstElementChild;
    for (const item of items) {
      const key = keyOf(item);
      const known = rows.get(key);
      const row = known ?? newRow(key);
      shown.set(key, item);
      columns.forEach(({ text, fill, action }, at) => {
        const td = /** @type {HTMLElement} */ (row.children[at]);
        if (fill) fill(td, item);
        else if (action) label(/** @type {Element} */ (td.firstElementChild), action, item);
        else setText(td, text?.(item) ?? '');
      });
      if (!known) rows.set(key, row);
      const details = row.nextElementSibling?.classList.contains('details') ? row.nextElementSibling : null;
      if (row === next) {
        next = (details ?? row).nextElementSibling;
      } else {
        body.insertBefore(row, next);
        if (details) body.insertBefore(details, next);
      }
    }
    grid.hidden = items.length === 0;
    nothing.hidden = items.length > 0;
  }

  return {
    element,
    /** @param {string} key */
    row: (key) => rows.get(key),
    show,
  };
}

/** @param {string} title @param {string | undefined} name */
function heading(title, name) {
  return h('th', { role: 'columnheader', scope: 'col', class: name }, title);
}

/** @template Row @param {Element} button @param {NonNullable<Column<Row>['action']>} action @param {Row} row */
function label(button, { text, label: labelOf }, row) {
  setText(button, typeof text === 'string' ? text : text(row));
  setAttribute(button, 'aria-label', labelOf(row));
}
