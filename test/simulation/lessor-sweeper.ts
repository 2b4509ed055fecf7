import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { dialectOf, execute, serializeSqlite } from 'nestjs-turnpike/dialect';
import { StoreLessor, Sweeper, TypeOrmLeaseStore } from 'nestjs-turnpike/lessor';

/** What the test tells a sweeper's process, as JSON. */
export interface SweeperProcessOptions {
  readonly database: DataSourceOptions;
  readonly name: string;
  /** Where in the key space it begins: in `[0, 1)`. */
  readonly beginsAt: number;
  readonly leaseMs: number;
  /** It goes no further than its first batch: it has processed that, does not say so, and tells the test. */
  readonly stuck: boolean;
}

const o = JSON.parse(process.argv[2] ?? '') as SweeperProcessOptions;
const dataSource = serializeSqlite(await new DataSource(o.database).initialize());
const dialect = dialectOf(dataSource);

const sweeper = new Sweeper<string>({
  lessor: new StoreLessor(new TypeOrmLeaseStore(dataSource)),
  section: 'leftovers',
  keySpaceBytes: 16,
  shards: 16,
  itemsPerScan: 1000,
  leaseMs: o.leaseMs,
  random: () => o.beginsAt,
  keyOf: (id) => id,
  scan: async (low, high, limit) => {
    const p = dialect.parameters();
    const between = `id >= ${p.add(low)} and id < ${p.add(high)}`;
    const { rows } = await execute<{ id: string }>(
      dataSource,
      `select id from leftover where ${between} order by id limit ${limit}`,
      p.values,
    );
    return rows.map(({ id }) => id);
  },
  process: async (ids) => {
    const done = dialect.parameters();
    const rows = ids.map((id) => [id, o.name]);
    await execute(dataSource, `insert into processed (id, sweeper) values ${done.rows(rows)}`, done.values);
    if (o.stuck) await new Promise(() => process.send?.('stuck'));
    const p = dialect.parameters();
    await execute(dataSource, `delete from leftover where ${p.oneOf('id', ids, 'text')}`, p.values);
  },
});

process.send?.('ready');
await once(process, 'message');
let leftToOthers = 0;
for (;;) {
  const result = await sweeper.sweep();
  leftToOthers += result.leftToOthers;
  if (result.complete && result.processed + result.leftToOthers === 0) break;
  await sleep(50);
}
const p = dialect.parameters();
const values = [p.add(o.name), p.add(leftToOthers)].join(', ');
await execute(dataSource, `insert into finished (sweeper, left_to_others) values (${values})`, p.values);
await dataSource.destroy();
