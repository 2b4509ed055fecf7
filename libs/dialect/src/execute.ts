import { DataSource, EntityManager, type QueryRunner } from 'typeorm';

/** Where a statement can run: on a connection of the pool, or inside the transaction of a manager or runner. */
export type Executor = DataSource | EntityManager | QueryRunner;

export interface Executed<Row> {
  /** The rows of a SELECT or a RETURNING; empty for anything else. */
  readonly rows: Row[];
  /** How many rows an INSERT, UPDATE or DELETE changed. */
  readonly affected: number;
}

/**
 * Runs one statement and answers in the same shape on every database. 64-bit integers come back as each driver gives
 * them (text on Postgres, numbers elsewhere): wrap them in `BigInt(...)` or `Number(...)`.
 */
export async function execute<Row = Record<string, unknown>>(
  executor: Executor,
  statement: string,
  parameters: readonly unknown[] = [],
): Promise<Executed<Row>> {
  if (executor instanceof DataSource || executor instanceof EntityManager) {
    const runner = runnerOf(executor);
    if (runner) return run(runner, statement, parameters);
    const lone = (executor instanceof DataSource ? executor : executor.dataSource).createQueryRunner();
    try {
      return await run(lone, statement, parameters);
    } finally {
      await lone.release();
    }
  }
  return run(executor, statement, parameters);
}

async function run<Row>(
  runner: QueryRunner,
  statement: string,
  parameters: readonly unknown[],
): Promise<Executed<Row>> {
  const result = await runner.query(statement, [...parameters], true);
  return { rows: (result.records as Row[] | undefined) ?? [], affected: result.affected ?? 0 };
}

/** The QueryRunner that the executor is bound to; `undefined` for one that takes a connection per statement. */
export function runnerOf(executor: Executor): QueryRunner | undefined {
  if (executor instanceof DataSource) return undefined;
  return executor instanceof EntityManager ? executor.queryRunner : executor;
}
