import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { InstanceChecker, type DataSource } from 'typeorm';
import { ConnectError } from '../cli.errors.js';

/** What is looked for in the working directory when nothing names a database. */
const NAMES = ['ormconfig.js', 'ormconfig.mjs', 'ormconfig.cjs', 'dist/ormconfig.js'];

export function findDataSourceFile(cwd: string): string | undefined {
  return NAMES.find((name) => existsSync(resolve(cwd, name)));
}

/**
 * The DataSource that a module exports, as TypeORM's own command line takes it: as `default`, as `dataSource`, or as the only
 * export that is one; a promise of it will do. The module's code runs.
 */
export async function loadDataSource(cwd: string, file: string): Promise<DataSource> {
  const path = resolve(cwd, file);
  if (!existsSync(path)) throw new ConnectError(`There is no file ${file}, which should export a DataSource.`);
  let exports: Record<string, unknown>;
  try {
    exports = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  } catch (error) {
    throw new ConnectError(`${file} cannot be loaded: ${messageOf(error)}.${hintFor(file)}`, { cause: error });
  }
  // A CommonJS module has its exports in `default` too.
  const inner = exports['default'];
  const all = InstanceChecker.isDataSource(inner) || typeof inner !== 'object' ? exports : { ...exports, ...inner };
  const found = await dataSourcesIn(all);
  const one = found.get('default') ?? found.get('dataSource') ?? [...found.values()][0];
  if (!one) throw new ConnectError(`${file} exports no DataSource: export one as default.`);
  if (!found.has('default') && !found.has('dataSource') && new Set(found.values()).size > 1) {
    throw new ConnectError(
      `${file} exports several DataSources, ${[...found.keys()].join(', ')}: export the one that is meant as default.`,
    );
  }
  return one;
}

async function dataSourcesIn(exports: Record<string, unknown>): Promise<Map<string, DataSource>> {
  const found = new Map<string, DataSource>();
  for (const [name, exported] of Object.entries(exports)) {
    const value: unknown = await exported;
    if (InstanceChecker.isDataSource(value)) found.set(name, value);
  }
  return found;
}

function hintFor(file: string): string {
  return /\.[cm]?ts$/.test(file) ? ' Compile it first, and name the JavaScript file.' : '';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/\.$/, '') : String(error);
}
