import { dialectOf, execute } from 'nestjs-turnpike/dialect';
import { QueryFailedError, type EntityManager } from 'typeorm';
import type { AmbientTransaction } from './ambient-transaction.js';

/**
 * Lets a consumer do its work once per message, though messages come at least once: the work and the record that it was
 * done commit together, so a repeat finds the record and is skipped.
 */
export class Inbox {
  constructor(
    private readonly ambient: AmbientTransaction,
    private readonly table: string,
  ) {}

  /** Does the work in a transaction of its own. False: this consumer has done it before, and nothing ran. */
  process(consumer: string, messageId: string, work: (tx: EntityManager) => Promise<unknown>): Promise<boolean> {
    return this.ambient.run((tx) => this.processInTransaction(tx, consumer, messageId, () => work(tx)));
  }

  /**
   * Does the work in the caller's transaction, which must roll back when the work fails. While another transaction
   * processes the same message for the same consumer, it waits for that one to end.
   */
  async processInTransaction(
    tx: EntityManager,
    consumer: string,
    messageId: string,
    work: () => Promise<unknown>,
  ): Promise<boolean> {
    if (!(await record(tx, this.table, consumer, messageId))) return false;
    await work();
    return true;
  }
}

/** False: it is recorded already. */
async function record(tx: EntityManager, table: string, consumer: string, messageId: string): Promise<boolean> {
  const dialect = dialectOf(tx.dataSource);
  const p = dialect.parameters();
  const insert = `insert into ${table} (consumer, message_id, processed_at)
    values (${p.add(consumer)}, ${p.add(messageId)}, ${dialect.nowMs})`;
  if (dialect.kind !== 'mysql') {
    const { affected } = await execute(tx, `${insert} ${dialect.onConflict(['consumer', 'message_id'])}`, p.values);
    return affected > 0;
  }
  // There, an upsert's count does not tell a new row from an old one, and an error does not end the transaction.
  try {
    await execute(tx, insert, p.values);
    return true;
  } catch (error) {
    if (error instanceof QueryFailedError && (error.driverError as { errno?: number }).errno === DUPLICATE_ENTRY)
      return false;
    throw error;
  }
}

const DUPLICATE_ENTRY = 1062;
