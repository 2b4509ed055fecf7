import { type Dialect } from 'nestjs-turnpike/dialect';
import { type NewDeadLetter } from '../core/batch-store.js';
import { type Statement } from './batch-statements.js';
import { type queueTables } from './queue-tables.js';

/** The statements on one queue's dead letters. They find rows by (queue, id) or by the primary key. */
export class DeadLetterStatements {
  constructor(
    private readonly dialect: Dialect,
    private readonly tables: ReturnType<typeof queueTables>,
    private readonly queue: string,
  ) {}

  bury(letters: readonly NewDeadLetter[]): Statement {
    const p = this.dialect.parameters();
    const rows = letters.map(({ codec, error, data }) => {
      const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
      return `(${p.add(this.queue)}, ${this.dialect.nowMs}, ${p.add(codec)}, ${p.add(error)}, ${p.add(bytes)})`;
    });
    const text = `insert into ${this.tables.deadLetter} (queue, died_at, codec, error, data) values ${rows.join(', ')}`;
    return { text, values: p.values };
  }

  list(limit: number, afterId: number): Statement {
    const p = this.dialect.parameters();
    const text = `select id, died_at, codec, error, data from ${this.tables.deadLetter}
      where queue = ${p.add(this.queue)} and id > ${p.add(afterId)} order by id limit ${p.add(limit)}`;
    return { text, values: p.values };
  }

  /** Whoever requeues the same ones waits here, and then finds them gone. */
  lock(ids: readonly number[]): Statement {
    const p = this.dialect.parameters();
    const text = `select id from ${this.tables.deadLetter}
      where queue = ${p.add(this.queue)} and ${p.oneOf('id', ids, 'bigint')} order by id ${this.dialect.forUpdate}`;
    return { text, values: p.values };
  }

  requeue(ids: readonly number[]): Statement {
    const p = this.dialect.parameters();
    const { nowMs } = this.dialect;
    const text = `insert into ${this.tables.batch} (queue, stored_at, available_at, codec, items, data)
      select queue, ${nowMs}, ${nowMs}, codec, 1, data from ${this.tables.deadLetter}
      where ${p.oneOf('id', ids, 'bigint')} order by id`;
    return { text, values: p.values };
  }

  purge(ids: readonly number[]): Statement {
    const p = this.dialect.parameters();
    const text = `delete from ${this.tables.deadLetter}
      where queue = ${p.add(this.queue)} and ${p.oneOf('id', ids, 'bigint')}`;
    return { text, values: p.values };
  }
}
