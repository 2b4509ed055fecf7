import type { Parameters } from 'nestjs-turnpike/dialect';
import type { OutboxDb } from './outbox-db.js';

/** Takes a value, or all of a column's, into the statement; gives what stands for it in the text. */
export type Values = Pick<Parameters, 'add'>;

type Types<Row> = { readonly [Name in keyof Row]: 'int' | 'bigint' | 'text' };

/**
 * The rows that `select` gives for each of `rows`, in one statement: as many short walks of an index as there are rows.
 *
 * On Postgres by LATERAL, which stays that walk also under a plan that was made when the table was empty, and which would
 * otherwise sort it all; the statement's text is the same whatever the number of rows. The others have no LATERAL (MariaDB) or
 * no arrays: there the walks stand side by side in a union.
 */
export function walks<Row extends object>(
  { dialect }: Pick<OutboxDb, 'dialect'>,
  p: Values,
  rows: readonly Row[],
  types: Types<Row>,
  select: (value: (name: keyof Row & string) => string) => string,
): string {
  const names = Object.keys(types) as (keyof Row & string)[];
  if (dialect.kind !== 'postgres') {
    return rows.map((row) => `select * from (${select((name) => p.add(row[name]))}) w`).join(' union all ');
  }
  const arrays = names.map((name) => `${p.add(rows.map((row) => row[name]))}::${types[name]}[]`);
  const columns = names.map((name) => `"${name}"`).join(', ');
  return `select w.* from unnest(${arrays.join(', ')}) as f(${columns}) cross join lateral (${select((name) => `f."${name}"`)}) w`;
}
