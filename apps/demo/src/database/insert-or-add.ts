import { dialectOf, execute } from 'nestjs-turnpike/dialect';
import type { EntityManager } from 'typeorm';

/**
 * Adds to each row's amount, and makes the rows that do not exist yet, in one statement: of two transactions that make the
 * same row, the second waits for the first. The rows stay locked until the transaction ends.
 */
export async function insertOrAdd(
  tx: EntityManager,
  table: { readonly name: string; readonly key: string; readonly amount: string },
  amounts: ReadonlyMap<string, number>,
): Promise<void> {
  const dialect = dialectOf(tx.dataSource);
  const [name, key, amount] = [table.name, table.key, table.amount].map(dialect.quote);
  const [onConflict, added] =
    dialect.kind === 'mysql'
      ? ['on duplicate key update', `values(${amount})`]
      : [`on conflict (${key}) do update set`, `excluded.${amount}`];
  // Always in the same order, so that two transactions cannot lock two rows crosswise.
  const rows = [...amounts].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const p = dialect.parameters();
  await execute(
    tx,
    `insert into ${name} (${key}, ${amount}) values ${p.rows(rows)}
     ${onConflict} ${amount} = ${name}.${amount} + ${added}`,
    p.values,
  );
}
