import { Argument } from 'commander';
import { barrierMigrationsFor } from 'nestjs-turnpike/barrier';
import { checkpointMigrationsFor } from 'nestjs-turnpike/checkpoint';
import { lessorMigrationsFor } from 'nestjs-turnpike/lessor';
import { outboxMigrationsFor } from 'nestjs-turnpike/outbox';
import { queueMigrationsFor } from 'nestjs-turnpike/queue';
import type { MigrationInterface } from 'typeorm';

type Migration = new () => MigrationInterface;

export interface TablesOptions {
  readonly tablePrefix: string;
  /** Of the outbox. */
  readonly shards: number | undefined;
}

const LIBS = {
  outbox: ({ tablePrefix, shards }) =>
    outboxMigrationsFor({ tablePrefix, ...(shards === undefined ? {} : { shards }) }),
  queue: ({ tablePrefix }) => queueMigrationsFor(tablePrefix),
  barrier: ({ tablePrefix }) => barrierMigrationsFor(tablePrefix),
  checkpoint: ({ tablePrefix }) => checkpointMigrationsFor(tablePrefix),
  lessor: ({ tablePrefix }) => lessorMigrationsFor(tablePrefix),
} satisfies Record<string, (options: TablesOptions) => readonly Migration[]>;

export type Lib = keyof typeof LIBS;

export const libsArgument = (): Argument =>
  new Argument('[libs...]', 'whose tables; the outbox has those of checkpoint and lessor with it')
    .choices(Object.keys(LIBS))
    .default(['outbox'], 'outbox');

/** One of each name, in the order in which they were made. */
export function migrationsOf(libs: readonly Lib[], options: TablesOptions): Migration[] {
  const byName = new Map<string, Migration>();
  for (const migration of libs.flatMap((lib) => LIBS[lib](options))) {
    const { name } = new migration();
    if (name !== undefined) byName.set(name, migration);
  }
  return [...byName].toSorted(([a], [b]) => madeAt(a) - madeAt(b)).map(([, migration]) => migration);
}

/** The time at the end of a migration's name, by which TypeORM orders them. */
function madeAt(name: string): number {
  return Number(/\d{13}$/.exec(name)?.[0]);
}
