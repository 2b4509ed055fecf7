// @ts-check
import { formatted, nameOf } from './dom.js';

/**
 * @typedef {import('../src/story/story-state.js').StoryState} StoryState
 */

/**
 * What happened between two states that is worth a sentence; undefined: nothing.
 * @param {StoryState | undefined} before
 * @param {StoryState} after
 * @returns {string | undefined}
 */
export function newsBetween(before, after) {
  if (!before) return after.broker === undefined ? undefined : `Orders go by way of ${after.broker}.`;
  for (const customer of after.customers) {
    const was = before.customers.find(({ id }) => id === customer.id);
    const name = nameOf(customer.id);
    if (customer.held && !was?.held) return `${name}’s orders are held: the first one fails. Everybody else goes on.`;
    if (!customer.held && was?.held) return `${name}’s orders go on, in their order.`;
    if (customer.broken && !was?.broken) return `Deliveries to ${name} fail from now on.`;
    if (!customer.broken && was?.broken) return `Deliveries to ${name} are mended.`;
  }
  for (const process of after.processes) {
    const was = before.processes.find(({ name }) => name === process.name);
    const name = process.name.replace(/^p/, 'P');
    if (!was) return `${name} starts.`;
    if (process.state === 'killed' && was.state !== 'killed') return `${name} is killed. Its lease runs out by itself.`;
    if (process.shards > was.shards && was.shards === 0) return `${name} delivers ${process.shards} of 64 shards.`;
    if (process.state === 'running' && process.shards > was.shards) {
      return `${name} has taken over: it delivers ${process.shards} of 64 shards.`;
    }
  }
  const { load } = after;
  if (load && load.delivered >= load.total && (before.load?.delivered ?? 0) < load.total) {
    return `All ${formatted(load.total)} orders have arrived.`;
  }
  return undefined;
}
