// @ts-check
/** @import { OutboxSnapshot } from '../src/core/snapshot.js' */
import { byId, h, setAttribute, setText } from './dom.js';
import { count, duration, rate } from './format.js';

/**
 * @typedef {{ name: string, title: string, unit?: string, hint: string, link?: string,
 *   text: (outbox: OutboxSnapshot) => string, tone?: (outbox: OutboxSnapshot) => 'warn' | 'bad' | undefined }} Tile
 */

/** What lags for longer deserves a look. */
const LAG_WARN_MS = 10_000;

/** @type {readonly Tile[]} */
const TILES = [
  {
    name: 'published',
    title: 'Published',
    unit: '/s',
    hint: 'by this process',
    text: ({ point }) => rate(point.published),
  },
  {
    name: 'delivered',
    title: 'Delivered',
    unit: '/s',
    hint: 'by this process',
    text: ({ point }) => rate(point.delivered),
  },
  {
    name: 'in-flight',
    title: 'In flight',
    hint: 'of this process',
    text: ({ point }) => count(point.inFlight),
  },
  {
    name: 'pending',
    title: 'To be sent',
    hint: 'in all processes',
    text: ({ backlog }) => count(backlog?.pending),
  },
  {
    name: 'lag',
    title: 'Lag',
    hint: 'of the oldest to be sent',
    text: ({ backlog }) => duration(backlog?.oldestAgeMs),
    tone: ({ backlog }) => ((backlog?.oldestAgeMs ?? 0) > LAG_WARN_MS ? 'warn' : undefined),
  },
  {
    name: 'held',
    title: 'Held keys',
    hint: 'wait for one message',
    link: '#held',
    text: ({ heldKeys, moreHeldKeys }) => (heldKeys ? `${heldKeys.length}${moreHeldKeys ? '+' : ''}` : '–'),
    tone: ({ heldKeys }) => (heldKeys?.length ? 'warn' : undefined),
  },
  {
    name: 'dead',
    title: 'Dead letters',
    hint: 'given up',
    link: '#dead',
    text: ({ backlog }) => count(backlog?.deadLetters),
    tone: ({ backlog }) => (backlog?.deadLetters ? 'bad' : undefined),
  },
];

/** @returns {(outbox: OutboxSnapshot) => void} */
export function tiles() {
  const made = TILES.map((tile) => {
    const value = h('span', { class: 'value', 'data-value': tile.name }, '–');
    const title = tile.link ? h('a', { href: tile.link }, tile.title) : tile.title;
    const unit = tile.unit ? h('span', { class: 'unit' }, tile.unit) : null;
    const element = h(
      'div',
      { class: 'tile' },
      h('dt', {}, title),
      h('dd', {}, value, unit, h('span', { class: 'under' }, tile.hint)),
    );
    return { tile, value, element };
  });
  byId('tiles').replaceChildren(...made.map(({ element }) => element));
  return (outbox) => {
    for (const { tile, value, element } of made) {
      setText(value, tile.text(outbox));
      setAttribute(element, 'data-tone', tile.tone?.(outbox));
    }
  };
}
