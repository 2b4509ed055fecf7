// @ts-check
import { demo } from './demo.js';
import { make, nameOf, onClick, setText } from './dom.js';

/**
 * @typedef {import('../src/story/story-state.js').CustomerState} CustomerState
 */

/** How many orders of a customer are shown on either side of the gate. */
const SHOWN = 9;

/** One customer's orders: those that wait, the gate, and those that were delivered. */
class Lane {
  /** @param {string} id of the customer */
  constructor(id) {
    this.waiting = make('span', { class: 'track waiting' });
    this.gate = make('span', { class: 'gate' }, make('span', { class: 'arm' }));
    this.delivered = make('span', { class: 'track delivered' });
    this.state = make('span', { class: 'lane-state' });
    const place = make('button', { class: 'plus', text: '+' });
    place.type = 'button';
    place.setAttribute('aria-label', `Place an order for ${nameOf(id)}`);
    onClick(place, () => demo.place(id).catch(() => undefined)); // that the demo is away is said elsewhere
    for (const drawn of [this.waiting, this.gate, this.delivered]) drawn.setAttribute('aria-hidden', 'true');
    const head = make('span', { class: 'lane-head' }, make('b', { text: nameOf(id) }), place);
    this.element = make('li', { class: 'lane' }, head, this.waiting, this.gate, this.delivered, this.state);
    this.element.dataset['customer'] = id;
  }

  /** @param {CustomerState} customer */
  show({ placed, delivered, broken, held }) {
    const waiting = placed - delivered;
    this.element.classList.toggle('held', held !== undefined);
    this.element.classList.toggle('broken', broken);
    showChips(
      this.waiting,
      upTo(waiting, (n) => delivered + 1 + n),
    );
    showChips(
      this.delivered,
      upTo(delivered, (n) => delivered - n),
    );
    setText(this.state, describe({ waiting, delivered, broken, held }));
  }
}

/**
 * @param {number} count
 * @param {(n: number) => number} numberOf
 */
function upTo(count, numberOf) {
  return Array.from({ length: Math.min(SHOWN, Math.max(0, count)) }, (_, n) => numberOf(n));
}

/** @param {{ waiting: number, delivered: number, broken: boolean, held: CustomerState['held'] }} customer */
function describe({ waiting, delivered, broken, held }) {
  if (held) return `held · ${waiting} waiting · ${held.attempts > 0 ? `tried ${held.attempts}×` : 'failing'}`;
  if (broken) return 'broken · nothing to deliver';
  return waiting > 0 ? `${delivered} delivered · ${waiting} waiting` : `${delivered} delivered`;
}

/**
 * @param {HTMLElement} track
 * @param {number[]} numbers the one next to the gate first
 */
function showChips(track, numbers) {
  const before = new Map(Array.from(track.children, (chip) => [chip.textContent ?? '', chip]));
  const texts = numbers.map(String);
  if (texts.length === before.size && texts.every((text, n) => track.children[n]?.textContent === text)) return;
  const fresh = texts.filter((text) => !before.has(text)).length;
  // One that arrives by itself is seen to; many at once would only flicker.
  const name = fresh <= 2 ? 'chip arrives' : 'chip';
  for (const chip of before.values()) chip.className = 'chip';
  track.replaceChildren(...texts.map((text) => before.get(text) ?? make('span', { class: name, text })));
}

/**
 * @param {HTMLElement} list
 * @returns {(customers: readonly CustomerState[]) => void}
 */
export function lanesIn(list) {
  /** @type {Map<string, Lane>} */
  const lanes = new Map();
  return (customers) => {
    for (const customer of customers) {
      let lane = lanes.get(customer.id);
      if (!lane) {
        lane = new Lane(customer.id);
        lanes.set(customer.id, lane);
        list.append(lane.element);
      }
      lane.show(customer);
    }
  };
}
