import { runnerOf } from 'nestjs-turnpike/dialect';
import { EntityManager, type QueryRunner } from 'typeorm';
import type { AmbientTransaction } from './ambient-transaction.js';
import { encodeMessage, type EncodeOptions } from './core/encode-message.js';
import type { OutboxMessage } from './core/message.js';
import { currentNamespace } from './namespace.js';
import type { TransactionHook } from './typeorm/transaction-hook.js';

export interface OutboxDependencies {
  readonly hook: TransactionHook;
  readonly ambient: AmbientTransaction;
  /** Where no `withNamespace` says otherwise. */
  readonly namespace: string;
  readonly encoding: EncodeOptions;
  /** Tells the relay of this process that there may be something to deliver. */
  readonly wake: () => void;
}

/**
 * Publishes messages in the caller's transaction: they are delivered if and only if it commits.
 *
 * `publish` encodes at once and keeps the entries with the transaction; they are written right before its outermost
 * COMMIT, in the order of publishing, and forgotten when it rolls back. A rolled-back savepoint forgets only its own.
 * After the commit the relays are woken by themselves. Nothing is ever written outside a transaction.
 *
 * What it does not see: a COMMIT in raw SQL. It commits the rows without the messages, which is reported as an error.
 */
export class Outbox {
  constructor(private readonly d: OutboxDependencies) {}

  /** Publishes in the transaction of this manager or QueryRunner. */
  publish(tx: EntityManager | QueryRunner, ...messages: OutboxMessage[]): Promise<void>;
  /** Publishes in the ambient transaction of `@Transactional()`. */
  publish(...messages: OutboxMessage[]): Promise<void>;
  // Async, so that what it refuses is always a rejection.
  async publish(first: EntityManager | QueryRunner | OutboxMessage, ...rest: OutboxMessage[]): Promise<void> {
    const given = isTransaction(first);
    const runner = given ? runnerOf(first) : this.ambientRunner();
    this.d.hook.require(runner, 'Outbox.publish()');
    const messages = given ? rest : [first, ...rest].filter((message) => message !== undefined);
    const namespace = currentNamespace() ?? this.d.namespace;
    this.d.hook.add(
      runner,
      messages.flatMap((message) => encodeMessage(message, namespace, this.d.encoding)),
    );
  }

  /** Throws `TransactionRequiredError` unless an ambient transaction is open. */
  requireAmbientTransaction(method: string): void {
    this.d.hook.require(this.ambientRunner(), method);
  }

  /** Makes the relay of this process look for messages now. Only needed after writing to the tables by other means. */
  wake(): void {
    this.d.wake();
  }

  private ambientRunner(): QueryRunner | undefined {
    return this.d.ambient.manager?.queryRunner;
  }
}

function isTransaction(
  value: EntityManager | QueryRunner | OutboxMessage | undefined,
): value is EntityManager | QueryRunner {
  return value instanceof EntityManager || (typeof value === 'object' && 'startTransaction' in value);
}
