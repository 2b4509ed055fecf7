import { Argument, Command } from 'commander';
import type { QueryRunner } from 'typeorm';
import { UsageError } from '../cli.errors.js';
import type { Context } from '../context.js';
import { searchPath } from '../database/connect.js';
import { EXIT, type ExitCode } from '../core/exit-codes.js';
import type { Perform } from '../action.js';
import { parseCount } from '../parse-count.js';
import { libsArgument, migrationsOf, type Lib } from './migrations.js';

/** What `version()` would answer: the collations of MySQL and MariaDB have different names. */
const VERSIONS = { postgres: '', mysql: '8.4.0', mariadb: '10.11.0-MariaDB', sqlite: '' } as const;

type Database = keyof typeof VERSIONS;

interface Options {
  readonly shards?: number;
}

export function sqlCommand(perform: Perform): Command {
  return new Command('sql')
    .description('prints the statements that make the tables; needs no connection')
    .addArgument(new Argument('<database>', 'for which database').choices(Object.keys(VERSIONS)))
    .addArgument(libsArgument())
    .option('--shards <count>', 'of the outbox: how many streams messages are spread over (default: 64)', parseCount)
    .action((database: Database, libs: Lib[], options: Options) =>
      perform((context) => sql(context, database, libs, options)),
    );
}

async function sql(context: Context, database: Database, libs: Lib[], { shards }: Options): Promise<ExitCode> {
  const { reporter, options, tablePrefix } = context;
  const statements: string[] = [];
  if (options.schema !== undefined) {
    if (database !== 'postgres') throw new UsageError('--schema is for Postgres.');
    statements.push(`set search_path to ${searchPath(options.schema)}`);
  }
  for (const migration of migrationsOf(libs, { tablePrefix, shards })) {
    await new migration().up(recorder(database, statements));
  }
  const text = statements.map(laidOut);
  reporter.result({ statements: text }, () => {
    for (const statement of text) reporter.line(`${statement};\n`);
  });
  return EXIT.done;
}

/** Has the migrations write down what they would run. They ask a database for nothing but its version. */
function recorder(database: Database, statements: string[]): QueryRunner {
  const type = database === 'sqlite' ? 'better-sqlite3' : database;
  const query = async (statement: string): Promise<unknown> => {
    if (/^select version\(\)/i.test(statement)) return { records: [{ version: VERSIONS[database] }] };
    statements.push(statement);
    return { records: [], affected: 0 };
  };
  return { dataSource: { options: { type } }, query } as unknown as QueryRunner;
}

/** With the indentation of what is printed, in place of that in our sources. */
function laidOut(statement: string): string {
  const [first = '', ...rest] = statement.trim().split('\n');
  const inner = rest.map((line) => (line.trim().startsWith(')') ? line.trim() : `  ${line.trim()}`));
  return [first.trim(), ...inner].join('\n');
}
