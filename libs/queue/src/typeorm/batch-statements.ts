import { type Dialect } from 'nestjs-turnpike/dialect';
import { type Claim, type NewBatch } from '../core/batch-store.js';

export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

export interface ClaimRequest {
  readonly token: string;
  readonly limit: number;
  readonly claimMs: number;
}

/**
 * The statements on one queue's rows of the batch table. They find rows by (queue, available_at, id) or by the primary
 * key; every write after a claim is fenced by the token, row by row. The database's clock decides what is available.
 */
export class BatchStatements {
  constructor(
    private readonly dialect: Dialect,
    private readonly table: string,
    private readonly queue: string,
  ) {}

  append(batches: readonly NewBatch[]): Statement {
    const p = this.dialect.parameters();
    const { nowMs } = this.dialect;
    const rows = batches.map(({ codec, items, data }) => {
      const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
      return `(${p.add(this.queue)}, ${nowMs}, ${nowMs}, ${p.add(codec)}, ${p.add(items)}, ${p.add(bytes)})`;
    });
    const text = `insert into ${this.table} (queue, stored_at, available_at, codec, items, data) values ${rows.join(', ')}`;
    return { text, values: p.values };
  }

  /**
   * Claims and reads in one round trip, on Postgres and SQLite. On Postgres the inner select sits in an array so that
   * it runs once: under a join or `in` the planner may repeat it, and then more rows than the limit are taken.
   */
  claimReturning({ token, limit, claimMs }: ClaimRequest): Statement {
    const { kind, nowMs } = this.dialect;
    const p = this.dialect.parameters();
    const set = `token = ${p.add(token)}, available_at = ${nowMs} + ${p.add(Math.ceil(claimMs))}`;
    const available = this.available(p.add(this.queue), p.add(limit), 'id');
    const oldest = kind === 'postgres' ? `= any(array(${available}))` : `in (${available})`;
    return {
      text: `update ${this.table} set ${set} where id ${oldest} returning id, codec, items, data`,
      values: p.values,
    };
  }

  /** MySQL and MariaDB return nothing from an update: select and lock first, then `take`, in one transaction. */
  selectAvailable(limit: number): Statement {
    const p = this.dialect.parameters();
    return { text: this.available(p.add(this.queue), p.add(limit), 'id, codec, items, data'), values: p.values };
  }

  take(ids: readonly number[], { token, claimMs }: ClaimRequest): Statement {
    const p = this.dialect.parameters();
    const set = `token = ${p.add(token)}, available_at = ${this.dialect.nowMs} + ${p.add(Math.ceil(claimMs))}`;
    return { text: `update ${this.table} set ${set} where ${p.oneOf('id', ids, 'bigint')}`, values: p.values };
  }

  renew(claim: Claim, claimMs: number): Statement {
    const p = this.dialect.parameters();
    const until = `${this.dialect.nowMs} + ${p.add(Math.ceil(claimMs))}`;
    const text = `update ${this.table} set available_at = ${until} where ${this.held(p, claim)}`;
    return { text, values: p.values };
  }

  complete(claim: Claim): Statement {
    const p = this.dialect.parameters();
    return { text: `delete from ${this.table} where ${this.held(p, claim)}`, values: p.values };
  }

  release(claim: Claim, cooldownMs: number): Statement {
    const p = this.dialect.parameters();
    const at = cooldownMs > 0 ? `${this.dialect.nowMs} + ${p.add(Math.ceil(cooldownMs))}` : 'stored_at';
    const text = `update ${this.table} set token = null, available_at = ${at} where ${this.held(p, claim)}`;
    return { text, values: p.values };
  }

  otherCodec(codec: string): Statement {
    const p = this.dialect.parameters();
    const text = `select codec from ${this.table} where queue = ${p.add(this.queue)} and codec <> ${p.add(codec)} limit 1`;
    return { text, values: p.values };
  }

  /** Read by idle workers: the first entry of the index. */
  nextDueIn(): Statement {
    const p = this.dialect.parameters();
    const dueIn = `min(available_at) - ${this.dialect.nowMs}`;
    return {
      text: `select ${dueIn} as due_in from ${this.table} where queue = ${p.add(this.queue)}`,
      values: p.values,
    };
  }

  stats(): Statement {
    const p = this.dialect.parameters();
    const text = `select count(*) as batches, coalesce(sum(items), 0) as items, ${this.dialect.nowMs} - min(stored_at) as age
      from ${this.table} where queue = ${p.add(this.queue)}`;
    return { text, values: p.values };
  }

  /**
   * Walks over the index (queue, available_at, id), and over nothing that is claimed or cools down; passes over rows that
   * another claim is taking this moment, where the database can. Postgres compares an index only with what it reads once,
   * so the time is a select there; MySQL only with what is no select.
   */
  private available(queue: string, limit: string, columns: string): string {
    const { kind, nowMs, forUpdateSkipLocked } = this.dialect;
    const now = kind === 'postgres' ? `(select ${nowMs})` : nowMs;
    return `select ${columns} from ${this.table} where queue = ${queue} and available_at <= ${now}
      order by available_at, id limit ${limit} ${forUpdateSkipLocked}`;
  }

  /** Locks the claim's rows until the transaction ends, so that they can be counted before anything is written. */
  lockHeld(claim: Claim): Statement {
    const p = this.dialect.parameters();
    const text = `select id from ${this.table} where ${this.held(p, claim)} ${this.dialect.forUpdate}`;
    return { text, values: p.values };
  }

  private held(p: ReturnType<Dialect['parameters']>, { batches, token }: Claim): string {
    const ids = batches.map(({ id }) => id);
    return `${p.oneOf('id', ids, 'bigint')} and token = ${p.add(token)}`;
  }
}
