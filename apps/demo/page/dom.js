// @ts-check

/**
 * The element with this id, which the page has.
 * @template {HTMLElement} E
 * @param {string} id
 * @param {new () => E} type
 * @returns {E}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`The page has no ${type.name} #${id}.`);
  return element;
}

/**
 * A new element. Text is only ever set as text.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {{ class?: string, text?: string, title?: string }} [is]
 * @param {(Node | undefined)[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, is = {}, ...children) {
  const element = document.createElement(tag);
  if (is.class) element.className = is.class;
  if (is.text !== undefined) element.textContent = is.text;
  if (is.title) element.title = is.title;
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

/**
 * A button that says so while what it does is under way. It may be clicked again meanwhile.
 * @param {HTMLButtonElement} button
 * @param {() => Promise<unknown>} act
 */
export function onClick(button, act) {
  button.addEventListener('click', () => {
    button.setAttribute('aria-busy', 'true');
    void act().finally(() => button.removeAttribute('aria-busy'));
  });
}

/**
 * Sets it only where it differs, so that screen readers are not told what they know.
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const counts = new Intl.NumberFormat('en');

/** @param {number} count */
export function formatted(count) {
  return counts.format(count);
}

/** @param {string} id of a customer */
export function nameOf(id) {
  return id.charAt(0).toUpperCase() + id.slice(1);
}
