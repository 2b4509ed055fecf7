// @ts-check
import { openCodeHere } from './code.js';
import { demo } from './demo.js';
import { byId, formatted, make, nameOf, onClick, setText } from './dom.js';
import { lanesIn } from './lanes.js';
import { newsBetween } from './news.js';
import { processesIn } from './processes.js';

/**
 * @typedef {import('../src/story/story-state.js').StoryState} StoryState
 */

const showLanes = lanesIn(byId('lanes', HTMLElement));
const showProcesses = processesIn(byId('processes', HTMLElement));
const news = byId('news', HTMLElement);
const customer = byId('customer', HTMLSelectElement);
const breakButton = byId('break', HTMLButtonElement);
const killButton = byId('kill', HTMLButtonElement);
const startButton = byId('start', HTMLButtonElement);
const loadButton = byId('load', HTMLButtonElement);

/** @type {StoryState | undefined} */
let now;

/** What a button does; what comes in its way is said. @param {() => Promise<unknown>} act */
const orSay = (act) => async () => {
  try {
    await act();
  } catch (error) {
    setText(news, error instanceof Error ? error.message : String(error));
  }
};

/** So many orders for each customer. @param {number} count */
async function placeForEveryone(count) {
  const customers = (now?.customers ?? []).map(({ id }) => id);
  await Promise.all(Array.from({ length: count }, () => customers.map(demo.place)).flat());
}

const isBroken = () => now?.customers.some(({ id, broken }) => id === customer.value && broken) ?? false;

async function breakOrMend() {
  if (isBroken()) return demo.mend(customer.value);
  await demo.break(customer.value);
  await placeForEveryone(3);
}

const victim = () => now?.processes.find(({ pid, state }) => pid !== undefined && state === 'running')?.pid;

async function killOne() {
  const pid = victim();
  if (pid !== undefined) await demo.killProcess(pid);
}

onClick(
  byId('place', HTMLButtonElement),
  orSay(() => placeForEveryone(1)),
);
onClick(breakButton, orSay(breakOrMend));
onClick(killButton, orSay(killOne));
onClick(startButton, orSay(demo.startProcess));
onClick(loadButton, orSay(demo.load));
customer.addEventListener('change', () => now && showBreak());
openCodeHere();

function showBreak() {
  const name = nameOf(customer.value);
  setText(breakButton, isBroken() ? `Mend deliveries to ${name}` : `Break ${name}, and place orders`);
  breakButton.classList.toggle('harm', !isBroken());
}

/** @param {StoryState} state */
function showFacts({ customers, disorders, repeats }) {
  const delivered = customers.reduce((sum, { delivered }) => sum + delivered, 0);
  const placed = customers.reduce((sum, { placed }) => sum + placed, 0);
  for (const [id, count] of Object.entries({ delivered, waiting: placed - delivered, disorders, repeats })) {
    setText(byId(`fact-${id}`, HTMLElement), formatted(count));
  }
  for (const [id, count] of Object.entries({ disorders, repeats })) {
    byId(`fact-${id}`, HTMLElement).parentElement?.classList.toggle('wrong', count > 0);
  }
}

/** @param {StoryState} state */
function showButtons({ workers }) {
  showBreak();
  killButton.disabled = victim() === undefined;
  startButton.disabled = workers !== 'room';
  const why = 'This process was started without the means to start and kill others: use npm start.';
  for (const hint of document.querySelectorAll('.unless')) {
    if (!(hint instanceof HTMLElement)) continue;
    hint.hidden = workers !== 'none';
    setText(hint, why);
  }
}

/** @param {StoryState} state */
function showLoad({ load }) {
  byId('load-progress', HTMLElement).hidden = load === undefined;
  loadButton.disabled = load !== undefined && load.failure === undefined && load.placed < load.total;
  if (!load) return;
  const { total, placed, delivered, elapsedMs, failure } = load;
  const bar = byId('load-bar', HTMLProgressElement);
  bar.max = total;
  bar.value = delivered;
  const seconds = `${(elapsedMs / 1000).toFixed(1)} s`;
  const text =
    failure !== undefined
      ? `It ended early: ${failure}`
      : delivered >= total
        ? `All ${formatted(total)} delivered, in ${seconds}.`
        : `${formatted(delivered)} of ${formatted(total)} delivered, ${formatted(placed)} placed, ${seconds}`;
  setText(byId('load-text', HTMLElement), text);
}

/** @param {StoryState} state */
function show(state) {
  if (customer.options.length === 0) {
    customer.append(
      ...state.customers.map(({ id }) => Object.assign(make('option', { text: nameOf(id) }), { value: id })),
    );
  }
  const item = newsBetween(now, state);
  if (item !== undefined) setText(news, item);
  now = state;
  document.body.classList.remove('stale');
  showLanes(state.customers);
  showFacts(state);
  showProcesses(state.processes);
  showButtons(state);
  showLoad(state);
}

demo.follow({
  onState: show,
  onLost: () => {
    document.body.classList.add('stale');
    setText(news, 'The demo does not answer. What you see is how things stood last.');
  },
});
