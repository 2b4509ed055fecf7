// @ts-check

/** @import { History, Snapshot } from '../src/core/snapshot.js' */

/** @typedef {'connecting' | 'live' | 'lost' | 'resting'} StreamState */

const RETRY_MS = 1500;
/** Snapshots come each second: after so long without one, the connection is dead, whatever it says. */
const SILENCE_MS = 10_000;
/** A tab that nobody sees for so long lets go, and the server rests when it was the last one. */
const HIDDEN_MS = 60_000;

/**
 * Follows the server's events, again and again until the page is left.
 *
 * @param {URL} url
 * @param {{ history: (history: History) => void, snapshot: (snapshot: Snapshot) => void, state: (state: StreamState) => void }} on
 */
export function follow(url, on) {
  /** @type {EventSource | undefined} */
  let source;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  /** @param {number} ms @param {() => void} then */
  const after = (ms, then) => {
    clearTimeout(timer);
    timer = setTimeout(then, ms);
  };
  const lost = () => {
    source?.close();
    on.state('lost');
    after(RETRY_MS, open);
  };
  const open = () => {
    source?.close();
    source = new EventSource(url);
    source.addEventListener('history', ({ data }) => on.history(JSON.parse(data)));
    source.addEventListener('snapshot', ({ data }) => {
      on.state('live');
      after(SILENCE_MS, lost);
      on.snapshot(JSON.parse(data));
    });
    // By itself it would try again only after some errors, and not after an answer such as 503.
    source.addEventListener('error', lost);
    after(SILENCE_MS, lost);
  };

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let leaving;
  document.addEventListener('visibilitychange', () => {
    clearTimeout(leaving);
    if (document.visibilityState === 'hidden') {
      leaving = setTimeout(() => {
        source?.close();
        source = undefined;
        clearTimeout(timer);
        on.state('resting');
      }, HIDDEN_MS);
    } else if (!source) {
      on.state('connecting');
      open();
    }
  });
  open();
}
