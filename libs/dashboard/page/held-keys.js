// @ts-check
/** @import { HeldKeySnapshot, OutboxSnapshot } from '../src/core/snapshot.js' */
import { byId } from './dom.js';
import { age, duration } from './format.js';
import { attempt, confirmed } from './notices.js';
import { named, post } from './requests.js';
import { errorColumn, table } from './table.js';

/** @typedef {HeldKeySnapshot & { readonly nowMs: number }} Row */

/** @returns {(outbox: OutboxSnapshot, nowMs: number) => void} */
export function heldKeys() {
  let outboxName = '';
  const rows = table({
    caption: 'Held keys',
    empty: 'No key is held.',
    most: 8,
    keyOf: (/** @type {Row} */ { namespace, destination, key }) => JSON.stringify([namespace, destination, key]),
    columns: [
      { title: 'Key', class: 'strong', text: ({ key }) => key },
      {
        title: 'For',
        text: ({ destination, namespace }) => (namespace === 'default' ? destination : `${destination} · ${namespace}`),
      },
      { title: 'Waits for', text: waitsFor },
      { title: 'Attempts', class: 'number', text: ({ attempts }) => String(attempts) },
      {
        title: 'Held for',
        class: 'number',
        text: ({ sinceMs, nowMs }) => age(sinceMs === null ? null : nowMs - sinceMs),
      },
      errorColumn('Reason'),
      {
        title: '',
        action: {
          text: 'Release…',
          label: ({ key }) => `Release ${key}`,
          press: (row) => void release(outboxName, row),
        },
      },
    ],
  });
  byId('held-keys').replaceChildren(rows.element);
  return ({ name, heldKeys: keys }, nowMs) => {
    outboxName = name;
    rows.show((keys ?? []).map((key) => ({ ...key, nowMs })));
  };
}

/** @param {Row} row */
function waitsFor({ waitsFor: what, dueInMs }) {
  if (what === 'dead letter') return 'its dead letter';
  return dueInMs ? `a retry in ${duration(dueInMs)}` : 'a retry now';
}

/** @param {string} outbox @param {HeldKeySnapshot} row */
async function release(outbox, { namespace, destination, key, waitsFor: what }) {
  const sure = await confirmed({
    title: `Release ${key}?`,
    text:
      what === 'dead letter'
        ? 'Its later messages go on without the dead letter, which stays. Requeued later, it arrives out of order.'
        : 'The message that fails becomes a dead letter, and the later ones of the key go on without it.',
    yes: 'Release',
  });
  if (!sure) return;
  await attempt(async () => {
    const { count } = await post(`outboxes/${named(outbox)}/held-keys/release`, { namespace, destination, key });
    return count > 0 ? `${key} goes on as soon as its relay has heard.` : `${key} is not held any more.`;
  });
}
