// @ts-check
/** @import { History, OutboxSnapshot, Snapshot } from '../src/core/snapshot.js' */
/** @import { StreamState } from './stream.js' */
import { deadLetters } from './dead-letters.js';
import { destinations } from './destinations.js';
import { byId, h, setAttribute, setText } from './dom.js';
import { duration } from './format.js';
import { heldKeys } from './held-keys.js';
import { plots } from './plots.js';
import { queues } from './queues.js';
import { BASE } from './requests.js';
import { shards } from './shards.js';
import { barriers, checkpoints } from './simple-tables.js';
import { follow } from './stream.js';
import { tiles } from './tiles.js';

/** A database that owes an answer for longer is told of: what is shown of it is old. */
const OLD_MS = 3000;

const show = {
  tiles: tiles(),
  plots: plots(),
  shards: shards(),
  heldKeys: heldKeys(),
  deadLetters: deadLetters(),
  destinations: destinations(),
  queues: queues(),
  checkpoints: checkpoints(),
  barriers: barriers(),
};

/** @type {History} */
let history = { outboxes: {} };
/** Which outbox is shown, and which one the plots are of. */
let chosen = decodeURIComponent(location.hash.replace(/^#outbox=/, ''));
let plotted = '';
/** @type {Snapshot | undefined} */
let latest;

/** @param {Snapshot} snapshot */
function render(snapshot) {
  latest = snapshot;
  const { outboxes, queues: allQueues, checkpoints: allCheckpoints, barriers: allBarriers, atMs } = snapshot;
  const outbox = outboxes.find(({ name }) => name === chosen) ?? outboxes[0];
  tabs(outboxes, outbox);
  byId('of-outbox').hidden = outbox === undefined;
  problems(outboxes, outbox);
  if (outbox) renderOutbox(outbox, atMs);
  section('of-queues', allQueues, show.queues);
  section('of-checkpoints', allCheckpoints, show.checkpoints);
  section('of-barriers', allBarriers, show.barriers);
}

/** @param {OutboxSnapshot} outbox @param {number} atMs */
function renderOutbox(outbox, atMs) {
  if (plotted !== outbox.name) {
    plotted = outbox.name;
    show.plots.begin(history.outboxes[outbox.name] ?? []);
  }
  show.plots.add(outbox.point);
  show.tiles(outbox);
  show.shards(outbox);
  show.heldKeys(outbox, atMs);
  show.deadLetters(outbox);
  show.destinations(outbox);
}

/** @template T @param {string} id @param {readonly T[]} all @param {(all: readonly T[]) => void} render */
function section(id, all, render) {
  byId(id).hidden = all.length === 0;
  if (all.length > 0) render(all);
}

/** @param {readonly OutboxSnapshot[]} outboxes @param {OutboxSnapshot | undefined} current */
function tabs(outboxes, current) {
  const group = byId('outboxes');
  group.hidden = outboxes.length < 2;
  if (group.hidden) return;
  const names = outboxes.map(({ name }) => name);
  if ([...group.children].map(({ textContent }) => textContent).join('\n') !== names.join('\n')) {
    group.replaceChildren(...names.map((name) => h('button', { type: 'button', onclick: () => choose(name) }, name)));
  }
  outboxes.forEach(({ name, heldKeys: held, backlog, problems: wrong }, at) => {
    const tab = /** @type {Element} */ (group.children[at]);
    setAttribute(tab, 'aria-pressed', String(name === current?.name));
    setAttribute(
      tab,
      'data-tone',
      wrong.length > 0 || backlog?.deadLetters ? 'bad' : held?.length ? 'warn' : undefined,
    );
  });
}

/** @param {string} name */
function choose(name) {
  chosen = name;
  window.history.replaceState(null, '', `#outbox=${encodeURIComponent(name)}`);
  if (latest) render(latest);
}

/** @param {readonly OutboxSnapshot[]} outboxes @param {OutboxSnapshot | undefined} current */
function problems(outboxes, current) {
  const texts = [
    ...(current?.problems ?? []),
    ...(current && current.unansweredMs > OLD_MS
      ? [`The database has not answered for ${duration(current.unansweredMs)}. What is shown of it is older.`]
      : []),
    ...outboxes.flatMap(({ name, problems: wrong }) =>
      name !== current?.name && wrong.length > 0 ? [`${name}: ${wrong[0]}`] : [],
    ),
  ];
  const list = byId('problems');
  while (list.childElementCount > texts.length) list.lastElementChild?.remove();
  texts.forEach((text, at) => setText(list.children[at] ?? list.appendChild(h('li')), text));
}

/** @type {Record<StreamState, string>} */
const STATES = {
  connecting: 'Connecting',
  live: 'Live',
  lost: 'Connection lost, trying again',
  resting: 'Resting while nobody looks',
};

/** @param {StreamState} state */
function connection(state) {
  const status = byId('status');
  if (status.dataset['state'] === state) return;
  status.dataset['state'] = state;
  setText(status, STATES[state]);
  setAttribute(status, 'title', latest && state === 'live' ? latest.process : undefined);
}

follow(new URL('stream', BASE), {
  state: connection,
  history: (received) => {
    history = received;
    plotted = '';
  },
  snapshot: render,
});
