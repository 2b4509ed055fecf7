// @ts-check

/**
 * @typedef {import('../src/story/story-state.js').StoryState} StoryState
 */

/**
 * Asks the demo for a change. Rejects with what it answers when it refuses.
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 */
async function ask(method, path, body) {
  const json =
    body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const response = await fetch(path, { method, ...json });
  if (response.ok) return;
  const answer = await response.json().catch(() => ({}));
  throw new Error(typeof answer.message === 'string' ? answer.message : `The demo answered ${response.status}.`);
}

const GOODS = [
  { sku: 'mug', quantity: 1, unitPrice: 900 },
  { sku: 'tea', quantity: 2, unitPrice: 450 },
  { sku: 'pot', quantity: 1, unitPrice: 3200 },
];
let orders = 0;

export const demo = {
  /** @param {string} customerId */
  place: (customerId) => ask('POST', '/orders', { customerId, lines: [GOODS[orders++ % GOODS.length]] }),
  /** @param {string} customerId */
  break: (customerId) => ask('PUT', `/story/breakdowns/${encodeURIComponent(customerId)}`),
  /** @param {string} customerId */
  mend: (customerId) => ask('DELETE', `/story/breakdowns/${encodeURIComponent(customerId)}`),
  startProcess: () => ask('POST', '/story/processes'),
  /** @param {number} pid */
  killProcess: (pid) => ask('DELETE', `/story/processes/${pid}`),
  load: () => ask('POST', '/story/load'),

  /**
   * Calls with each state, from now on. The browser connects again by itself.
   * @param {{ onState: (state: StoryState) => void, onLost: () => void }} listener
   */
  follow({ onState, onLost }) {
    const events = new EventSource('/story/events');
    events.addEventListener('message', ({ data }) => onState(JSON.parse(data)));
    events.addEventListener('error', () => {
      onLost();
      // The browser gives up when the answer is an error, as a proxy's while the demo is started again.
      if (events.readyState === EventSource.CLOSED) setTimeout(() => demo.follow({ onState, onLost }), 1000);
    });
  },
};
