// @ts-check
import { byId } from './dom.js';

/** Links to a part of the source open it over the page. Opened in a tab of their own, they show the same. */
export function openCodeHere() {
  const dialog = byId('code', HTMLDialogElement);
  const title = byId('code-title', HTMLElement);
  const text = byId('code-text', HTMLElement);
  dialog.addEventListener('click', ({ target }) => {
    if (target === dialog) dialog.close(); // beside it
  });
  /** @param {string} url */
  const open = async (url) => {
    const answer = await (await fetch(url)).text();
    const end = answer.indexOf('\n\n');
    title.textContent = answer.slice(0, end);
    text.textContent = answer.slice(end + 2);
    dialog.showModal();
  };
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a[href^="/story/code/"]') : null;
    if (!(link instanceof HTMLAnchorElement) || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    void open(link.href);
  });
}
