import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { complaintsAbout, MAY_IMPORT, type Manifest } from './support/import-rules.js';

const root = new URL('../', import.meta.url);
const manifest = readManifest();
const files = readdirSync(root).filter(isChecked).flatMap(sourceFilesBelow);

interface PackageJson {
  readonly name: string;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

function readManifest(): Manifest {
  const text = readFileSync(new URL('package.json', root), 'utf8');
  const { name, exports, dependencies, peerDependencies } = JSON.parse(text) as PackageJson;
  return {
    packages: new Set(Object.keys({ ...dependencies, ...peerDependencies })),
    entries: new Set(Object.keys(exports).map((entry) => entry.replace('.', name))),
  };
}

function isChecked(folder: string): boolean {
  return ['libs', 'apps', 'test', 'bench'].includes(folder);
}

function sourceFilesBelow(folder: string): string[] {
  return readdirSync(new URL(folder, root), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : sourceFilesBelow(path);
    return /\.[cm]?[jt]s$/.test(entry.name) ? [path] : [];
  });
}

function complaintsAboutFile(file: string): string[] {
  const source = readFileSync(new URL(file, root), 'utf8');
  return complaintsAbout(file, source, manifest).map((complaint) => `${file} ${complaint}`);
}

describe('the architecture', () => {
  // It parses every file there is: a second on an idle machine.
  it('is kept by every file', { timeout: 60_000 }, () => {
    expect(files.flatMap(complaintsAboutFile)).toEqual([]);
  });

  it('has a row in the import table for each lib, and the check reaches each of them', () => {
    const libs = readdirSync(new URL('libs', root));
    expect(Object.keys(MAY_IMPORT).toSorted()).toEqual(libs.toSorted());
    // The command line is an entry for the shell, and has no public one.
    const entries = libs.map((lib) => `libs/${lib}/src/${lib === 'cli' ? 'main' : 'index'}.ts`);
    expect(files).toEqual(expect.arrayContaining(entries));
  });
});

describe('a file that breaks a rule is caught', () => {
  const core = 'libs/queue/src/core/batch.ts';
  const shell = 'libs/queue/src/queue.module.ts';
  const spec = 'libs/queue/src/core/batch.spec.ts';

  it.each([
    // The import table
    [
      'libs/timing/src/core/clock.ts',
      `import { sleep } from 'nestjs-turnpike/dialect';`,
      'which timing may not import',
    ],
    ['libs/dialect/src/dialect.ts', `import { metric } from '#nest';`, 'which dialect may not import'],
    [shell, `import { Barrier } from 'nestjs-turnpike/barrier';`, 'which queue may not import'],
    [spec, `import { Outbox } from 'nestjs-turnpike/outbox';`, 'which queue may not import'],
    [
      'libs/outbox/src/outbox.module.ts',
      `import { Queue } from 'nestjs-turnpike/queue';`,
      'which outbox may not import',
    ],

    // However it is imported
    [shell, `import type { Barrier } from 'nestjs-turnpike/barrier';`, 'line 1: imports nestjs-turnpike/barrier'],
    [shell, `\nexport { Barrier } from 'nestjs-turnpike/barrier';`, 'line 2: imports nestjs-turnpike/barrier'],
    [shell, `export * from 'nestjs-turnpike/barrier';`, 'which queue may not import'],
    [shell, `import 'nestjs-turnpike/barrier';`, 'which queue may not import'],
    [shell, `const load = async () => import('nestjs-turnpike/barrier');`, 'which queue may not import'],
    [shell, 'const load = () => import(`nestjs-turnpike/barrier`);', 'which queue may not import'],
    [shell, `let barrier: import('nestjs-turnpike/barrier').Barrier;`, 'which queue may not import'],
    [shell, `import barrier = require('nestjs-turnpike/barrier');`, 'which queue may not import'],
    [shell, `const barrier = require('nestjs-turnpike/barrier');`, 'which queue may not import'],
    [shell, `const load = (lib: string) => import('nestjs-turnpike/' + lib);`, 'computes what it imports'],

    // A pure core
    [core, `import { Injectable } from '@nestjs/common';`, 'imports @nestjs/common in core/'],
    [core, `import type { EntityManager } from 'typeorm';`, 'imports typeorm in core/'],
    [core, `import { BatchEntity } from '../typeorm/batch.entity.js';`, 'from outside core/'],
    [core, `import { counterProvider } from '#nest';`, 'imports #nest in core/'],
    [
      'libs/queue/src/core/store/rows.ts',
      `import { Logger } from '@nestjs/common';`,
      'imports @nestjs/common in core/',
    ],
    ['libs/queue/src/queue.errors.ts', `import { TypeORMError } from 'typeorm';`, 'imports typeorm in core/'],

    // What is published, our users can load
    [shell, `import { it } from 'vitest';`, 'which our users do not have'],
    [shell, `import type { Suite } from '@vitest/runner/types';`, 'which our users do not have'],
    ['libs/queue/src/testing/contract.ts', `import { it } from 'vitest';`, 'which our users do not have'],

    // Public entries only
    [shell, `import { Clock } from '../../timing/src/core/clock.js';`, 'reaches out of libs/queue/src'],
    [spec, `import { Clock } from '../../../timing/src/index.js';`, 'reaches out of libs/queue/src'],
    [shell, `import { databases } from '../../../test/support/databases.js';`, 'reaches out of libs/queue/src'],
    [shell, `import { Clock } from 'nestjs-turnpike/timing/core/clock.js';`, 'which is not a public entry'],
    [shell, `import { Clock } from 'nestjs-turnpike';`, 'which is not a public entry'],
    [shell, `import { Clock } from '#timing';`, 'which is not a public entry'],
    [shell, `import { Clock } from '/libs/timing/src/index.js';`, 'by an absolute path'],
    [shell, `import { Queue } from 'nestjs-turnpike/queue';`, 'inside a lib, imports are relative'],
    [shell, `import { ManualClock } from 'nestjs-turnpike/timing/testing';`, 'outside of tests'],
    ['apps/demo/src/main.ts', `import { ManualClock } from 'nestjs-turnpike/timing/testing';`, 'outside of tests'],
    ['apps/demo/src/main.ts', `import { Queue } from '../../../libs/queue/src/index.js';`, 'reaches out of apps/demo'],
    ['apps/demo/src/main.ts', `import { open } from '../../../test/support/databases.js';`, 'reaches out of apps/demo'],
    ['test/e2e/demo.e2e-spec.ts', `import { Queue } from '../../libs/queue/src/index.js';`, 'reaches out of test'],
    ['bench/run.mjs', `import { Queue } from '../dist/libs/queue/src/index.js';`, 'reaches out of bench'],

    // The internal lib
    [shell, `import { counterProvider } from 'nestjs-turnpike/nest';`, 'only #nest names libs/nest'],
    [shell, `import { counterProvider } from '../../nest/src/index.js';`, 'reaches out of libs/queue/src'],
    ['apps/demo/src/main.ts', `import { counterProvider } from '#nest';`, 'imports #nest, which is not a public entry'],
    ['test/e2e/demo.e2e-spec.ts', `import { it } from '#nest';`, 'imports #nest, which is not a public entry'],

    // Shape
    [shell, '\n'.repeat(401), 'has 401 lines, more than 400'],
    ['libs/queue/src/utils/text.ts', '', 'lies in a folder named utils'],
    ['test/common/text.ts', '', 'lies in a folder named common'],
    ['libs/queue/src/index.ts', `export * from './core/queue.js';`, 'line 1: has an export *'],
    ['libs/queue/src/testing/index.ts', `export * as contract from './contract.js';`, 'line 1: has an export *'],
  ])('%s: %s', (file, source, complaint) => {
    expect(complaintsAbout(file, source, manifest)).toEqual([expect.stringContaining(complaint)]);
  });

  it.each([
    [core, `import { v4 } from 'node:crypto'; import { Clock } from 'nestjs-turnpike/timing';`],
    [core, `import { QueueClosedError } from '../queue.errors.js'; export * from './buffer.js';`],
    [spec, `import { it } from 'vitest'; import { ManualClock } from 'nestjs-turnpike/timing/testing';`],
    ['libs/queue/src/typeorm/rows.int-spec.ts', `import { open } from '../../../../test/support/databases.js';`],
    ['libs/outbox/src/core/relay.ts', `import { Barrier } from 'nestjs-turnpike/barrier';`],
    ['libs/queue/src/testing/contract.ts', `import { ManualClock } from 'nestjs-turnpike/timing/testing';`],
    [shell, `import { Module } from '@nestjs/common'; import { counterProvider } from '#nest';`],
    [shell, `// import { Barrier } from 'nestjs-turnpike/barrier';`],
    [shell, '\n'.repeat(400)],
    ['libs/cli/src/database/data-source-file.ts', `const load = (file: string) => import(file);`],
    ['libs/cli/src/run.ts', `import { OutboxOperator } from 'nestjs-turnpike/outbox';`],
    ['apps/demo/src/main.ts', `import { Outbox } from 'nestjs-turnpike/outbox'; import { App } from './app.js';`],
    ['test/e2e/demo.e2e-spec.ts', `import { AppModule } from '../../apps/demo/src/app.module.js';`],
    ['bench/outbox.ts', `import { open } from '../test/support/databases.js';`],
  ])('and a file that keeps them is not: %s: %s', (file, source) => {
    expect(complaintsAbout(file, source, manifest)).toEqual([]);
  });
});
