import { execute, type Parameters } from 'nestjs-turnpike/dialect';
import type { EntityManager } from 'typeorm';
import { orderKey, type OrderKey } from '../core/message.js';
import type { Change, ClaimedShard, Head, Rearranged } from '../core/outbox-storage.js';
import { entryColumns, newEntryColumns } from './columns.js';
import { fenced } from './fence.js';
import type { OutboxDb } from './outbox-db.js';
import { tryLockShard } from './shard-locks.js';
import { ofKey } from './waiting-entries.js';

type OfKind<Kind extends Change['kind']> = Extract<Change, { kind: Kind }>;

/**
 * Makes the changes in one transaction, fenced by the tokens of all their shards.
 *
 * What moves behind held keys and what has arrived goes first, together: neither depends on the order, and there may be
 * many. Then the others, one by one.
 */
export function rearrange(db: OutboxDb, changes: readonly Change[]): Promise<Rearranged> {
  const claims = [...new Map(changes.map(({ claim }) => [claim.shard, claim])).values()];
  return fenced(db, claims, async (tx, held) => {
    const allowed = changes.filter(({ claim }) => held.has(claim.shard));
    const statements = new Statements(db, tx);
    for (const due of [false, true]) {
      const moves = allowed.filter((change): change is OfKind<'move'> => change.kind === 'move' && change.due === due);
      for (const [shard, ids] of idsByShard(moves)) await statements.move(shard, ids, due);
    }
    const removes = allowed.filter((change): change is OfKind<'remove'> => change.kind === 'remove');
    for (const [shard, ids] of idsByShard(removes)) await statements.remove(shard, ids);
    const heads = new Map<string, Head | undefined>();
    for (const change of allowed) {
      if (change.kind === 'passOn')
        heads.set(orderKey(change.key) ?? '', await statements.passOn(change.claim, change.key));
      else await statements.make(change);
    }
    return { fenced: claims.map(({ shard }) => shard).filter((shard) => !held.has(shard)), heads };
  });
}

/** The most ids in a statement. */
const IDS_PER_STATEMENT = 5000;

class Statements {
  constructor(
    private readonly db: OutboxDb,
    private readonly tx: EntityManager,
  ) {}

  async make(change: Exclude<Change, OfKind<'passOn'>>): Promise<void> {
    const { shard } = change.claim;
    switch (change.kind) {
      case 'move':
      case 'remove':
        return; // made before, all together
      case 'putOff':
        return this.putOff(shard, change);
      case 'bury':
        return this.bury(shard, change);
      case 'flow':
        return this.flow(shard, change.ids);
      case 'requeue':
        return this.requeue(shard, change.id);
      case 'purge':
        return this.deleteFrom(this.db.tables.deadLetter, shard, [change.id]);
      case 'release':
        return this.letGo(shard, change.id);
    }
  }

  async move(shard: number, ids: readonly bigint[], due: boolean): Promise<void> {
    const { dialect, tables } = this.db;
    const columns = entryColumns(dialect);
    for (const some of slices(ids)) {
      const p = dialect.parameters();
      await execute(
        this.tx,
        `insert into ${tables.parked} (${columns}, attempts, available_at)
         select ${columns}, 0, ${due ? dialect.nowMs : 'null'} from ${tables.entry}
         where shard = ${p.add(shard)} and ${p.oneOf('id', some, 'bigint')}`,
        p.values,
      );
      await this.deleteFrom(tables.entry, shard, some);
    }
  }

  async remove(shard: number, ids: readonly bigint[]): Promise<void> {
    for (const some of slices(ids)) await this.deleteFrom(this.db.tables.parked, shard, some);
  }

  /** What the key waits for now. The index on (shard, namespace, destination, key, id) gives both tables' first row. */
  async passOn({ shard }: ClaimedShard, key: OrderKey): Promise<Head | undefined> {
    const { dialect, tables } = this.db;
    const of = (p: Parameters): string => ofKey(p, dialect.quote('key'), { ...key, shard });
    const d = dialect.parameters();
    const dead = await execute<{ id: string | number }>(
      this.tx,
      `select id from ${tables.deadLetter} where ${of(d)} and holds = 1 order by id limit 1`,
      d.values,
    );
    if (dead.rows[0]) return { id: BigInt(dead.rows[0].id), kind: 'dead' };
    const p = dialect.parameters();
    const { rows } = await execute<{ id: string | number; due_in: string | number | null }>(
      this.tx,
      `select id, available_at - ${dialect.nowMs} as due_in from ${tables.parked} where ${of(p)} and id > 0 order by id limit 1`,
      p.values,
    );
    const [first] = rows;
    if (!first) return undefined;
    const id = BigInt(first.id);
    if (first.due_in !== null) return { id, kind: Number(first.due_in) > 0 ? 'later' : 'due' };
    const u = dialect.parameters();
    const where = `shard = ${u.add(shard)} and id = ${u.add(id)}`;
    await execute(this.tx, `update ${tables.parked} set available_at = ${dialect.nowMs} where ${where}`, u.values);
    return { id, kind: 'due' };
  }

  private async putOff(shard: number, { id, attempts, delayMs, history }: OfKind<'putOff'>): Promise<void> {
    const { dialect, tables } = this.db;
    const p = dialect.parameters();
    await execute(
      this.tx,
      `update ${tables.parked} set attempts = ${p.add(attempts)}, history = ${p.add(JSON.stringify(history))},
         available_at = ${dialect.nowMs} + ${p.add(Math.ceil(delayMs))}
       where shard = ${p.add(shard)} and id = ${p.add(id)}`,
      p.values,
    );
  }

  private async bury(shard: number, { id, holds, attempts, history }: OfKind<'bury'>): Promise<void> {
    const { dialect, tables } = this.db;
    const columns = entryColumns(dialect);
    const p = dialect.parameters();
    await execute(
      this.tx,
      `insert into ${tables.deadLetter} (${columns}, attempts, history, dead_at, holds)
       select ${columns}, ${p.add(attempts)}, ${p.add(JSON.stringify(history))}, ${dialect.nowMs}, ${holds ? 1 : 0}
       from ${tables.parked} where shard = ${p.add(shard)} and id = ${p.add(id)}`,
      p.values,
    );
    await this.deleteFrom(tables.parked, shard, [id]);
  }

  /** Ids are drawn under the shard's lock, as for what is published. Without it, they stay due for now. */
  private async flow(shard: number, ids: readonly bigint[]): Promise<void> {
    const { dialect, tables } = this.db;
    if (!(await tryLockShard(this.db, this.tx, shard))) return;
    const columns = newEntryColumns(dialect);
    for (const some of slices(ids)) {
      const p = dialect.parameters();
      await execute(
        this.tx,
        `insert into ${tables.entry} (${columns}) select ${columns} from ${tables.parked}
         where shard = ${p.add(shard)} and ${p.oneOf('id', some, 'bigint')} order by available_at, id desc`,
        p.values,
      );
      await this.deleteFrom(tables.parked, shard, some);
    }
  }

  private async requeue(shard: number, id: bigint): Promise<void> {
    const { dialect, tables } = this.db;
    const columns = entryColumns(dialect);
    const p = dialect.parameters();
    await execute(
      this.tx,
      `insert into ${tables.parked} (${columns}, attempts, history, available_at)
       select ${columns}, 0, history, ${dialect.nowMs} from ${tables.deadLetter}
       where shard = ${p.add(shard)} and id = ${p.add(id)}`,
      p.values,
    );
    await this.deleteFrom(tables.deadLetter, shard, [id]);
  }

  private async letGo(shard: number, id: bigint): Promise<void> {
    const p = this.db.dialect.parameters();
    const where = `shard = ${p.add(shard)} and id = ${p.add(id)}`;
    await execute(
      this.tx,
      `update ${this.db.tables.deadLetter} set holds = 0, requested = null where ${where}`,
      p.values,
    );
  }

  private async deleteFrom(table: string, shard: number, ids: readonly bigint[]): Promise<void> {
    const p = this.db.dialect.parameters();
    const where = `shard = ${p.add(shard)} and ${p.oneOf('id', ids, 'bigint')}`;
    await execute(this.tx, `delete from ${table} where ${where}`, p.values);
  }
}

function idsByShard(changes: readonly { claim: ClaimedShard; ids: readonly bigint[] }[]): Map<number, bigint[]> {
  const byShard = new Map<number, bigint[]>();
  for (const { claim, ids } of changes) byShard.set(claim.shard, [...(byShard.get(claim.shard) ?? []), ...ids]);
  return byShard;
}

function* slices(ids: readonly bigint[]): Generator<readonly bigint[]> {
  for (let from = 0; from < ids.length; from += IDS_PER_STATEMENT) yield ids.slice(from, from + IDS_PER_STATEMENT);
}
