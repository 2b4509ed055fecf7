/**
 * Collects a statement's parameters in the order of its text:
 *
 *     const p = dialect.parameters();
 *     await execute(db, `delete from job where queue = ${p.add(queue)} and ${p.oneOf('id', ids, 'bigint')}`, p.values);
 */
export abstract class Parameters {
  readonly values: unknown[] = [];

  /** Adds a value and returns its placeholder. */
  abstract add(value: unknown): string;

  /** `column` is one of the values; never true for none. `type` is the column's type on Postgres. */
  abstract oneOf(column: string, values: readonly unknown[], type: 'bigint' | 'integer' | 'text'): string;

  /** `(…), (…)`: the rows of a multi-row insert. At most 30,000 values fit a statement on every database. */
  rows(rows: readonly (readonly unknown[])[]): string {
    return rows.map((row) => `(${row.map((value) => this.add(value)).join(', ')})`).join(', ');
  }
}

export class NumberedParameters extends Parameters {
  add(value: unknown): string {
    return `$${this.values.push(value)}`;
  }

  /** One array, whatever its length: the statement's text stays the same, and so does its prepared plan. */
  oneOf(column: string, values: readonly unknown[], type: string): string {
    return `${column} = any(${this.add(values)}::${type}[])`;
  }
}

export class PositionalParameters extends Parameters {
  add(value: unknown): string {
    this.values.push(value);
    return '?';
  }

  oneOf(column: string, values: readonly unknown[]): string {
    return values.length === 0 ? '1 = 0' : `${column} in (${values.map((value) => this.add(value)).join(', ')})`;
  }
}
