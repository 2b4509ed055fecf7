import { execute } from 'nestjs-turnpike/dialect';
import type { QueryRunner } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { testDatabases } from '../../../../test/support/databases.js';
import { outboxSuite } from '../../../../test/support/outbox-suite.js';
import { outboxDb } from './outbox-db.js';
import { readStatement } from './read-entries.js';
import { settleStatement } from './settle-entries.js';

/** As many as it takes for a bad plan to show; each is a short row. */
const ROWS = 200_000;

// The plans of the others leave no choice: their statements name one shard and one index.
describe.each(testDatabases().filter(([name]) => name === 'postgres'))('The plans on %s', (_name, open) => {
  const suite = outboxSuite(open);
  const shards = Array.from({ length: 64 }, (_, shard) => shard);

  /** Entries with the ids from `first` to `last`, in all shards by turns. */
  const fill = (runner: QueryRunner, first: number, last: number): Promise<unknown> =>
    runner.query(
      `insert into turnpike_outbox_entry (shard, message_id, namespace, destination, topic, payload, content_type, headers, created_at)
       select n % 64, n, 'n', 'd', 't', '', 'application/json', '{}', 0 from generate_series(${first}, ${last}) n`,
    );

  /** The generic plan, and what it did. */
  const explain = async (runner: QueryRunner, statement: string, values: readonly unknown[]): Promise<string> => {
    const name = `p${Math.random().toString(36).slice(2)}`;
    const types = values.map((_, index) => (statement.match(new RegExp(`\\$${index + 1}::(\\w+\\[\\])`)) ?? [])[1]);
    await runner.query(`prepare ${name} (${types.join(', ')}) as ${statement}`);
    await runner.query('set plan_cache_mode = force_generic_plan');
    const literals = values.map((value) => `'${Array.isArray(value) ? `{${value.join(',')}}` : String(value)}'`);
    const { rows } = await execute<{ 'QUERY PLAN': string }>(
      runner,
      `explain (analyze, buffers) execute ${name} (${literals.join(', ')})`,
    );
    return rows.map((row) => row['QUERY PLAN']).join('\n');
  };

  it('stay walks of the index on a table that was empty when it was analyzed, and then filled', async () => {
    const { dataSource } = suite.database;
    const runner = dataSource.createQueryRunner();
    await runner.query('alter table turnpike_outbox_entry set (autovacuum_enabled = false)');
    await runner.query('vacuum analyze turnpike_outbox_entry');
    await fill(runner, 1, ROWS);
    await runner.query(
      "insert into turnpike_checkpoint (stream, partition, epoch, updated_at) select 'outbox', n, 1, 0 from generate_series(0, 63) n",
    );
    const db = outboxDb(dataSource);
    const p = db.dialect.parameters();
    const from = shards.map((shard) => ({ shard, after: 1000n, limit: 10 }));
    const readPlan = await explain(runner, readStatement(db, from, p), p.values);
    expect(readPlan).toContain('Index Scan using turnpike_outbox_entry_pkey');
    expect(readPlan).not.toMatch(/Seq Scan on turnpike_outbox_entry|Sort/);

    const ids = Array.from({ length: 1000 }, (_, n) => n + 1);
    const settlePlan = await explain(runner, settleStatement(db), [
      shards,
      shards.map(() => 1),
      ids.map((id) => id % 64),
      ids,
    ]);
    expect(settlePlan).toContain('Index Scan using turnpike_outbox_entry_pkey');
    expect(settlePlan).not.toContain('Seq Scan on turnpike_outbox_entry');
    await runner.release();
    expect(await suite.count('turnpike_outbox_entry')).toBe(ROWS - ids.length);
  });

  it('of reading cost the same on a long table as on a short one, but for the depth of the index', async () => {
    const { dataSource } = suite.database;
    const runner = dataSource.createQueryRunner();
    const from = shards.map((shard) => ({ shard, after: 0n, limit: 10 }));
    // As the relay sends it.
    const statement = readStatement(outboxDb(dataSource), from, { add: (numbers) => `'{${String(numbers)}}'` });
    const measure = async () => {
      await runner.query('vacuum analyze turnpike_outbox_entry');
      const { rows } = await execute<{ 'QUERY PLAN': string }>(runner, `explain (analyze, buffers) ${statement}`);
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
      const [, hit = 0, read = 0] = /Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?/.exec(plan) ?? [];
      return { pages: Number(hit) + Number(read), expectedCost: Number(/cost=[\d.]+\.\.([\d.]+)/.exec(plan)?.[1]) };
    };
    await fill(runner, 1, 1000);
    const ofShort = await measure();
    await fill(runner, 1001, ROWS);
    const ofLong = await measure();
    await runner.release();
    expect(ofShort.pages).toBeGreaterThanOrEqual(64);
    // One more page for each of the 64 walks is a level of the index.
    expect(ofLong.pages).toBeLessThanOrEqual(ofShort.pages + 2 * 64);
    // Above 100,000, Postgres compiles a statement before it runs it.
    expect(ofLong.expectedCost).toBeLessThan(5000);
  });
});
