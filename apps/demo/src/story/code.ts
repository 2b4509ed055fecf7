import { excerptOf, type Excerpt } from './repository.js';

/** What the steps of the story lead to: a file, and what its excerpt begins with. */
const CODE = {
  place: ['apps/demo/src/orders/orders.service.ts', '@Transactional()'],
  deliver: ['apps/demo/src/deliveries/deliveries.service.ts', `@OnOutboxMessage('order.placed'`],
  hold: ['libs/outbox/src/core/lane.ts', 'private failed('],
  fence: ['libs/outbox/src/typeorm/fence.ts', 'export function fenced<'],
  share: ['libs/lessor/src/core/fair-share.ts', 'export function fairShare('],
  kill: ['apps/demo/src/story/workers.ts', 'kill('],
  load: ['apps/demo/src/story/load.ts', 'private async placeAll('],
} as const satisfies Record<string, readonly [path: string, from: string]>;

export type CodeName = keyof typeof CODE;

export const codeNames = Object.keys(CODE) as CodeName[];

export function codeOf(name: string): Excerpt | undefined {
  if (!Object.hasOwn(CODE, name)) return undefined;
  const [path, from] = CODE[name as CodeName];
  return excerptOf(path, from);
}
