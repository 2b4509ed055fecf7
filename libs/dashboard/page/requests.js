// @ts-check

/** The dashboard's own address: this file lies two folders below it, whatever prefix the app has. */
export const BASE = new URL('../../', import.meta.url);

/** @template T @param {string} path below the dashboard @returns {Promise<T>} */
export async function get(path) {
  return answerOf(await fetch(new URL(path, BASE), { headers: { accept: 'application/json' } }));
}

/** @template T @param {string} path @param {unknown} body @returns {Promise<T>} */
export async function post(path, body) {
  const headers = { 'content-type': 'application/json', 'x-turnpike-dashboard': '1' };
  return answerOf(await fetch(new URL(path, BASE), { method: 'POST', headers, body: JSON.stringify(body) }));
}

/** @param {Response} response */
async function answerOf(response) {
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.error ?? body.message ?? `The server answered ${response.status}.`);
  return body;
}

/** The part of a path that names an outbox or a queue. @param {string} name */
export function named(name) {
  return encodeURIComponent(name);
}
