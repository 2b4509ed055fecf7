import {
  DeadLetters,
  outboxMigrations,
  type DeadLetter,
  type OutboxMessage,
  type OutboxOptions,
  type OutgoingMessage,
  type Publisher,
} from 'nestjs-turnpike/outbox';
import { fixed } from 'nestjs-turnpike/timing';
import type { DataSource } from 'typeorm';
import { testDatabases } from './databases.js';
import { eventually } from './eventually.js';
import { startOutboxApp, type OutboxApp } from './outbox-app.js';

export const MESSAGES = 10_000;
export const KEYS = 100;
const PER_TRANSACTION = 500;

/** What a test reads off a message that arrived. */
export interface Arrived {
  readonly id: string;
  readonly key: string | undefined;
  readonly payload: { readonly n: number };
}

export interface Relayed {
  /** What the publisher was given, attempt by attempt. */
  readonly attempts: readonly OutgoingMessage[];
}

/**
 * Publishes `MESSAGES` messages over `KEYS` keys to an outbox on Postgres, whose relay gives them to the publisher, and
 * resolves when the outbox is empty. `middle` runs when a quarter of them were given to it.
 */
export async function relayThrough(
  publisher: Publisher,
  { middle = async () => undefined, topic = 'orders' }: { middle?: () => Promise<void>; topic?: string } = {},
): Promise<Relayed> {
  const attempts: OutgoingMessage[] = [];
  let midway: Promise<void> | undefined;
  const watched: Publisher = {
    batchSize: publisher.batchSize ?? 20,
    ordered: publisher.ordered ?? false,
    publish: async (messages, context) => {
      attempts.push(...messages);
      if (attempts.length >= MESSAGES / 4) midway ??= middle();
      await publisher.publish(messages, context);
    },
  };
  await withOutbox({ publisher: watched, retry: fixed(0, 100) }, async ({ outbox, dataSource }) => {
    for (let first = 0; first < MESSAGES; first += PER_TRANSACTION) {
      const messages = Array.from({ length: PER_TRANSACTION }, (_, index) => first + index).map((n) => ({
        topic,
        key: `key-${n % KEYS}`,
        payload: { n },
      }));
      await dataSource.transaction((tx) => outbox.publish(tx, ...messages));
    }
    await emptied(dataSource);
  });
  await midway;
  return { attempts };
}

/** Publishes the messages in one transaction, and gives those that ended as dead letters: their ids, and what is said of each. */
export async function deadLettersOf(
  publisher: Publisher,
  messages: readonly OutboxMessage[],
): Promise<{ readonly id: string; readonly reason: string; readonly attempts: number }[]> {
  let dead: DeadLetter[] = [];
  // Without its `close`: the test has more to do with it.
  const { batchSize = 20, ordered = false } = publisher;
  const lent: Publisher = { batchSize, ordered, publish: (...args) => publisher.publish(...args) };
  await withOutbox({ publisher: lent }, async ({ app, outbox, dataSource }) => {
    await dataSource.transaction((tx) => outbox.publish(tx, ...messages));
    await emptied(dataSource);
    dead = await app.get(DeadLetters).list();
  });
  return dead.map(({ messageId, history, attempts }) => ({
    id: messageId,
    reason: history.at(-1)?.error ?? '',
    attempts,
  }));
}

async function withOutbox(options: OutboxOptions, run: (app: OutboxApp) => Promise<void>): Promise<void> {
  const [, open] = testDatabases().find(([name]) => name === 'postgres') ?? [];
  if (!open) throw new Error('There is no Postgres in this tier.');
  const database = await open({ migrations: [...outboxMigrations] });
  const app = await startOutboxApp(database.url, options);
  try {
    await run(app);
  } finally {
    await app.app.close();
    await database.close();
  }
}

async function emptied(dataSource: DataSource): Promise<void> {
  await eventually(
    async () => {
      const [row] = await dataSource.query<{ left: string }[]>(
        `select (select count(*) from turnpike_outbox_entry) + (select count(*) from turnpike_outbox_parked) as left`,
      );
      if (row?.left !== '0') throw new Error(`${row?.left} messages are left`);
    },
    { withinMs: 100_000 },
  );
}

/**
 * Fails unless all messages arrived, and in order per key by their first arrivals. Gives how many came again.
 */
export function checkArrivals(arrived: readonly Arrived[]): { readonly repeated: number } {
  const seen = new Set<string>();
  const latest = new Map<string, number>();
  for (const { id, key, payload } of arrived) {
    if (seen.has(id)) continue;
    seen.add(id);
    const before = latest.get(key ?? '');
    const due = before === undefined ? Number(key?.slice('key-'.length)) : before + KEYS;
    if (payload.n !== due) throw new Error(`${key}: ${payload.n} arrived where ${due} was due`);
    latest.set(key ?? '', payload.n);
  }
  if (seen.size !== MESSAGES) throw new Error(`${seen.size} of ${MESSAGES} messages arrived`);
  return { repeated: arrived.length - seen.size };
}

/** How many messages a `forgetful` publisher has delivered again, at least. */
export const FORGOTTEN = 200;

/** Says of every third call that it failed when it had not, until `FORGOTTEN` messages are to come again. */
export function forgetful(publisher: Publisher): Publisher {
  let calls = 0;
  let forgotten = 0;
  return {
    batchSize: publisher.batchSize ?? 20,
    ordered: publisher.ordered ?? false,
    publish: async (messages, context) => {
      await publisher.publish(messages, context);
      if (forgotten >= FORGOTTEN || ++calls % 3 !== 0) return;
      forgotten += messages.length;
      throw new Error('The answer was lost.');
    },
  };
}
