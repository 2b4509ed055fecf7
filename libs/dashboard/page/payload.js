// @ts-check
/** @import { PayloadText } from '../src/core/dead-letter-view.js' */
import { h } from './dom.js';
import { size } from './format.js';

/** A payload as text, whatever it holds. @param {PayloadText} payload */
export function payloadBlock({ kind, text, bytes, cut }) {
  const parts = [kind === 'json' ? 'JSON' : kind, bytes === null ? '' : size(bytes), cut ? 'the beginning' : ''];
  const about = parts.filter((part) => part !== '').join(', ');
  return h(
    'figure',
    { class: 'payload' },
    h('figcaption', {}, `Payload (${about})`),
    h('pre', { tabindex: '0', 'aria-label': 'Payload' }, text),
  );
}
