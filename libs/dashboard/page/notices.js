// @ts-check
import { byId, setText } from './dom.js';

const SHOWN_MS = 6000;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let hiding;

/** Says it at the foot of the page, and to screen readers. @param {string} text */
export function say(text) {
  const said = byId('said');
  setText(said, text);
  said.classList.add('shown');
  clearTimeout(hiding);
  hiding = setTimeout(() => said.classList.remove('shown'), SHOWN_MS);
}

/** Does it, and says what became of it. @param {() => Promise<string>} work */
export async function attempt(work) {
  try {
    say(await work());
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
  }
}

/**
 * Asks before something that cannot be undone.
 *
 * @param {{ title: string, text: string, yes: string }} question
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, text, yes }) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('confirm'));
  setText(byId('confirm-title'), title);
  setText(byId('confirm-text'), text);
  setText(byId('confirm-yes'), yes);
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
  });
}
