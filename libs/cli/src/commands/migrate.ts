import { Command } from 'commander';
import { dialectOf, type DatabaseKind } from 'nestjs-turnpike/dialect';
import type { DataSource } from 'typeorm';
import { InterruptedError } from '../cli.errors.js';
import type { Context } from '../context.js';
import { EXIT, type ExitCode } from '../core/exit-codes.js';
import type { Perform } from '../action.js';
import { parseCount } from '../parse-count.js';
import { libsArgument, migrationsOf, type Lib } from './migrations.js';

interface Options {
  readonly shards?: number;
}

export function migrateCommand(perform: Perform): Command {
  return new Command('migrate')
    .description("makes the tables that are missing, by the libs' migrations, and remembers them as TypeORM does")
    .addArgument(libsArgument())
    .option('--shards <count>', 'of the outbox: how many streams messages are spread over (default: 64)', parseCount)
    .action((libs: Lib[], options: Options) => perform((context) => migrate(context, libs, options)));
}

/** Not the user's own migrations: their app runs those. Names are the same there, so that what is done here is done. */
function migrate(context: Context, libs: readonly Lib[], { shards }: Options): Promise<ExitCode> {
  const { reporter, terminal, tablePrefix } = context;
  const migrations = migrationsOf(libs, { tablePrefix, shards });
  return context.withDataSource(
    async (dataSource) => {
      const executed = await whileAlone(context, dataSource, async () => {
        reporter.progress(`Running up to ${migrations.length} migrations.`);
        // Not cut short by Ctrl-C: on MySQL and MariaDB, half a migration would stay.
        const onAbort = (): void => reporter.note('The migrations come to their end first.');
        terminal.signal.addEventListener('abort', onAbort, { once: true });
        try {
          return await dataSource.runMigrations({ transaction: 'each' });
        } finally {
          terminal.signal.removeEventListener('abort', onAbort);
        }
      });
      const names = executed.map(({ name }) => name);
      reporter.result({ executed: names }, () => {
        for (const name of names) reporter.line(`Executed ${name}`);
        reporter.line(names.length === 0 ? 'The tables are up to date.' : `Ran ${names.length} migrations.`);
      });
      if (terminal.signal.aborted) throw new InterruptedError();
      return EXIT.done;
    },
    { migrations, create: true },
  );
}

/** On a connection of its own. On SQLite, the file's write lock is all there is. */
const LOCKS: Record<DatabaseKind, { readonly take: string; readonly release: string } | undefined> = {
  postgres: {
    take: `select pg_advisory_lock(hashtext('nestjs-turnpike migrate'))`,
    release: `select pg_advisory_unlock(hashtext('nestjs-turnpike migrate'))`,
  },
  mysql: {
    take: `select get_lock('nestjs-turnpike migrate', 3600)`,
    release: `select release_lock('nestjs-turnpike migrate')`,
  },
  sqlite: undefined,
};

/** Two processes that make the same tables at once would both fail to see that the other does. */
async function whileAlone<R>(context: Context, dataSource: DataSource, work: () => Promise<R>): Promise<R> {
  const lock = LOCKS[dialectOf(dataSource).kind];
  if (!lock) return work();
  const runner = dataSource.createQueryRunner();
  try {
    await context.unlessInterrupted(runner.query(lock.take));
    try {
      return await work();
    } finally {
      await runner.query(lock.release);
    }
  } finally {
    await runner.release();
  }
}
