export type ListedType = 'bigint' | 'integer' | 'text';

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

  /** `column` is one of the values, however many there are; never true for none. `type` is the column's type. */
  abstract oneOf(column: string, values: readonly unknown[], type: ListedType): string;

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

  oneOf(column: string, values: readonly unknown[], _type: ListedType): string {
    return values.length === 0 ? '1 = 0' : `${column} in (${values.map((value) => this.add(value)).join(', ')})`;
  }
}

/** SQLite takes 32,766 values a statement: a list is one of them, as JSON, and the statement's text stays the same. */
export class SqliteParameters extends PositionalParameters {
  override oneOf(column: string, values: readonly unknown[], type: ListedType): string {
    // A bigint beyond 2^53 is no number of JSON.stringify, but one of SQLite's.
    const list = type === 'text' ? JSON.stringify(values.map(String)) : `[${values.join(',')}]`;
    return `${column} in (select value from json_each(${this.add(list)}))`;
  }
}
