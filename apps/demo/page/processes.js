// @ts-check
import { demo } from './demo.js';
import { make, onClick, setText } from './dom.js';

/**
 * @typedef {import('../src/story/story-state.js').ProcessState} ProcessState
 */

const SHARDS = 64;

/** @param {ProcessState} process */
function describe({ state, shards, leaseEndsInMs }) {
  const lease = `${(Math.max(0, leaseEndsInMs) / 1000).toFixed(1)} s`;
  if (state === 'starting') return 'starting…';
  if (state === 'killed' || state === 'ended') {
    return shards > 0 ? `${state} · ${shards} shards are free in ${lease}` : `${state} · its shards are free`;
  }
  return shards > 0 ? `${shards} of ${SHARDS} shards` : 'has no shards yet';
}

class Row {
  /** @param {ProcessState} process */
  constructor({ name, pid }) {
    this.bar = make('span', { class: 'share' });
    this.state = make('span', { class: 'process-state' });
    this.kill = make('button', { class: 'harm small', text: 'kill -9' });
    this.kill.type = 'button';
    this.kill.setAttribute('aria-label', `Kill ${name}`);
    if (pid !== undefined) onClick(this.kill, () => demo.killProcess(pid).catch(() => undefined)); // it has ended meanwhile
    const track = make('span', { class: 'share-track' }, this.bar);
    track.setAttribute('aria-hidden', 'true');
    this.element = make('li', { class: 'process' }, make('b', { text: name }), track, this.state, this.kill);
  }

  /** @param {ProcessState} process */
  show(process) {
    const { state, shards } = process;
    const isOver = state === 'killed' || state === 'ended';
    this.element.classList.toggle('over', isOver);
    this.bar.style.setProperty('inline-size', `${(shards / SHARDS) * 100}%`);
    this.kill.hidden = isOver || process.pid === undefined;
    setText(this.state, describe(process));
  }
}

/**
 * @param {HTMLElement} list
 * @returns {(processes: readonly ProcessState[]) => void}
 */
export function processesIn(list) {
  /** @type {Map<string, Row>} */
  const rows = new Map();
  const none = make('li', { class: 'none', text: 'None: orders are taken, and wait in the database.' });
  return (processes) => {
    for (const [name, row] of rows) {
      if (processes.some((process) => process.name === name)) continue;
      row.element.remove();
      rows.delete(name);
    }
    for (const process of processes) {
      let row = rows.get(process.name);
      if (!row) {
        row = new Row(process);
        rows.set(process.name, row);
        list.append(row.element);
      }
      row.show(process);
    }
    if (processes.length > 0) none.remove();
    else if (!none.isConnected) list.append(none);
  };
}
