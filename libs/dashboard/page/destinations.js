// @ts-check
/** @import { DestinationSnapshot, OutboxSnapshot } from '../src/core/snapshot.js' */
import { byId, h, setText } from './dom.js';
import { count, time } from './format.js';
import { attempt, confirmed } from './notices.js';
import { named, post } from './requests.js';
import { badge } from './simple-tables.js';
import { table } from './table.js';

/** @returns {(outbox: OutboxSnapshot) => void} */
export function destinations() {
  let outboxName = '';
  let allPaused = false;
  const rows = table({
    caption: 'Destinations',
    empty: 'There is no destination.',
    keyOf: (/** @type {DestinationSnapshot} */ { name }) => name,
    columns: [
      { title: 'Name', class: 'strong', text: ({ name }) => name },
      {
        title: 'State',
        fill: (cell, { state }) => badge(cell, state, state === 'open' ? 'good' : state === 'away' ? 'bad' : 'warn'),
      },
      { title: 'In flight', class: 'number', text: ({ inFlight }) => count(inFlight) },
      { title: 'In memory', class: 'number', text: ({ buffered }) => count(buffered) },
      {
        title: 'Reason',
        class: 'reason',
        text: ({ reason, pausedSinceMs }) =>
          pausedSinceMs === null ? (reason ?? '–') : `paused since ${time(pausedSinceMs)}`,
      },
      {
        title: '',
        action: {
          text: ({ pausedSinceMs }) => (pausedSinceMs === null ? 'Pause…' : 'Resume'),
          label: ({ name, pausedSinceMs }) => `${pausedSinceMs === null ? 'Pause' : 'Resume'} ${name}`,
          press: ({ name, pausedSinceMs }) =>
            void change(outboxName, name, pausedSinceMs === null ? 'pause' : 'resume'),
        },
      },
    ],
  });
  const said = h('span', {});
  const all = h('button', {
    type: 'button',
    class: 'small',
    onclick: () => void change(outboxName, null, allPaused ? 'resume' : 'pause'),
  });
  byId('destinations').replaceChildren(rows.element, h('div', { class: 'bar' }, all, said));
  return ({ name, destinations: found, allPausedSinceMs }) => {
    outboxName = name;
    allPaused = allPausedSinceMs !== null;
    setText(all, allPaused ? 'Resume all' : 'Pause all…');
    setText(said, allPausedSinceMs === null ? '' : `All are paused since ${time(allPausedSinceMs)}.`);
    rows.show(found);
  };
}

/** @param {string} outbox @param {string | null} destination null: all of them @param {'pause' | 'resume'} action */
async function change(outbox, destination, action) {
  const what = destination ?? 'all destinations';
  if (action === 'pause') {
    const text =
      'Nothing more goes out to it, from any process, until it is resumed. Calls that are under way end as they do.';
    if (!(await confirmed({ title: `Pause ${what}?`, text, yes: 'Pause' }))) return;
  }
  await attempt(async () => {
    const { count: changed } = await post(`outboxes/${named(outbox)}/destinations/${action}`, { destination });
    if (action === 'pause') return `${what}: paused.`;
    return changed > 0 ? `${what}: resumed.` : `${what}: was not paused.`;
  });
}
