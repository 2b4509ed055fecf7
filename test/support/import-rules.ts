import { posix } from 'node:path';
import ts from 'typescript';

const FOUNDATION = ['timing', 'dialect', 'nest'];

/** What each lib may import of ours; what this table does not name is forbidden. ARCHITECTURE.md says why. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  timing: [],
  dialect: [],
  nest: [],
  checkpoint: FOUNDATION,
  barrier: FOUNDATION,
  lessor: FOUNDATION,
  queue: FOUNDATION,
  outbox: [...FOUNDATION, 'checkpoint', 'barrier', 'lessor'],
  dashboard: [...FOUNDATION, 'checkpoint', 'barrier', 'lessor', 'queue', 'outbox'],
  cli: [...FOUNDATION, 'checkpoint', 'barrier', 'lessor', 'queue', 'outbox'],
};

/** It loads the module that a user names; all others must say what they import. */
const LOADS_WHAT_USERS_NAME = 'libs/cli/src/database/data-source-file.ts';

const MAX_LINES = 400;
const VAGUE_FOLDERS = new Set(['common', 'utils', 'helpers', 'types']);

/** Relative imports may go this far: into the own lib, app or folder, and from a test into what starts and supports it. */
const WITHIN_REACH: readonly (readonly [from: RegExp, to: RegExp])[] = [
  [/[.-]spec\.ts$/, /^test\/support\//],
  [/^test\//, /^(test|apps)\//],
  [/^bench\//, /^(bench|test\/support)\//],
];

/** What package.json says. */
export interface Manifest {
  /** What a user of ours has: our dependencies and peers. */
  readonly packages: ReadonlySet<string>;
  /** How a user names our public entries: `nestjs-turnpike/queue/testing`. */
  readonly entries: ReadonlySet<string>;
}

interface Import {
  /** `undefined` when it is computed, so that nobody can tell what it names. */
  readonly specifier: string | undefined;
  readonly line: number;
}

/**
 * What is wrong with a source file, one sentence for each breach, beginning with `line <n>: ` where there is a line.
 * `file` is its path from the repository's root, with `/`; `source` its text. Nothing is read from disk.
 */
export function complaintsAbout(file: string, source: string, manifest: Manifest): string[] {
  const parsed = ts.createSourceFile(file, source, ts.ScriptTarget.Latest);
  return [
    ...aboutShape(file, source),
    ...aboutBarrel(file, parsed),
    ...importsOf(parsed).flatMap(({ specifier, line }) => {
      const complaint = specifier === undefined ? aboutComputed(file) : aboutImport(file, specifier, manifest);
      return complaint ? [`line ${line}: ${complaint}`] : [];
    }),
  ];
}

function aboutShape(file: string, source: string): string[] {
  const lines = source.replace(/\n$/, '').split('\n').length;
  const vague = file
    .split('/')
    .slice(0, -1)
    .filter((folder) => VAGUE_FOLDERS.has(folder));
  return [
    ...(lines > MAX_LINES ? [`has ${lines} lines, more than ${MAX_LINES}`] : []),
    ...vague.map((folder) => `lies in a folder named ${folder}, which says nothing about what is in it`),
  ];
}

/** A public entry names what it exports: `export *` would publish whatever a file happens to hold. */
function aboutBarrel(file: string, parsed: ts.SourceFile): string[] {
  if (!/^libs\/[^/]+\/src\/([^/]+\/)?index\.ts$/.test(file)) return [];
  return parsed.statements
    .filter((statement) => ts.isExportDeclaration(statement) && !isNamed(statement))
    .map((statement) => `line ${lineOf(parsed, statement)}: has an export * in a public entry`);
}

function isNamed(statement: ts.ExportDeclaration): boolean {
  return statement.exportClause !== undefined && ts.isNamedExports(statement.exportClause);
}

function aboutImport(file: string, specifier: string, manifest: Manifest): string | undefined {
  if (/^\.\.?(\/|$)/.test(specifier)) return aboutRelative(file, specifier);
  if (specifier.startsWith('/') || specifier.startsWith('file:')) return `imports ${specifier} by an absolute path`;
  if (specifier.startsWith('#') || /^nestjs-turnpike(\/|$)/.test(specifier))
    return aboutOurs(file, specifier, manifest);
  if (specifier.startsWith('node:')) return undefined;
  if (isCore(file)) return `imports ${specifier} in core/, which is pure TypeScript`;
  if (isPublished(file) && !manifest.packages.has(packageOf(specifier)))
    return `imports ${specifier}, which our users do not have`;
  return undefined;
}

function aboutComputed(file: string): string | undefined {
  return file === LOADS_WHAT_USERS_NAME ? undefined : 'computes what it imports';
}

function aboutRelative(file: string, specifier: string): string | undefined {
  const target = posix.join(posix.dirname(file), specifier);
  const home = homeOf(file);
  if (target !== home && !target.startsWith(`${home}/`)) {
    const reachable = WITHIN_REACH.some(([from, to]) => from.test(file) && to.test(target));
    return reachable ? undefined : `reaches out of ${home} by the relative path ${specifier}`;
  }
  return isCore(file) && !isCore(target) ? `imports ${specifier} in core/, from outside core/` : undefined;
}

function aboutOurs(file: string, specifier: string, { entries }: Manifest): string | undefined {
  const target = specifier === '#nest' ? 'nest' : (specifier.split('/')[1] ?? '');
  if (target === 'nest' && specifier !== '#nest') return `imports ${specifier}: only #nest names libs/nest`;
  if (target !== 'nest' && !entries.has(specifier)) return `imports ${specifier}, which is not a public entry`;
  if (specifier.endsWith('/testing') && !isTest(file)) return `imports ${specifier} outside of tests`;
  const own = libOf(file);
  if (own === undefined) return target === 'nest' ? 'imports #nest, which is not a public entry' : undefined;
  if (own === target) return `imports its own lib as ${specifier}: inside a lib, imports are relative`;
  if (!MAY_IMPORT[own]?.includes(target)) return `imports ${specifier}, which ${own} may not import`;
  if (isCore(file) && target === 'nest') return 'imports #nest in core/, which is pure TypeScript';
  return undefined;
}

/** The folder whose files may name each other by relative paths: a lib's src, an app's folder, or `test`, `bench`. */
function homeOf(file: string): string {
  return /^(libs\/[^/]+\/src|apps\/[^/]+|[^/]+)/.exec(file)?.[0] ?? '';
}

function libOf(file: string): string | undefined {
  return /^libs\/([^/]+)\//.exec(file)?.[1];
}

/**
 * A lib's errors are thrown by its core, so they are held to the same rule. A spec is not: it may import what tests need.
 * Both `.ts` and `.js`: an import names the file that will be emitted.
 */
function isCore(file: string): boolean {
  const [, inLib = ''] = /^libs\/[^/]+\/src\/(.*)$/.exec(file) ?? [];
  return (inLib.startsWith('core/') && !isTest(file)) || inLib === `${libOf(file)}.errors${posix.extname(file)}`;
}

function isTest(file: string): boolean {
  return isSpec(file) || /^(test|bench)\/|^libs\/[^/]+\/src\/testing\//.test(file);
}

function isPublished(file: string): boolean {
  return file.startsWith('libs/') && !isSpec(file);
}

function isSpec(file: string): boolean {
  return /[.-]spec\.ts$/.test(file);
}

/** `@nestjs/core` of `@nestjs/core/injector`. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** Static and dynamic imports, `export from`, `import x = require()`, `require()` and `typeof import()`. */
function importsOf(parsed: ts.SourceFile): Import[] {
  const found: Import[] = [];
  const visit = (node: ts.Node): void => {
    const named = moduleNamedBy(node);
    if (named) {
      const specifier = ts.isStringLiteralLike(named) ? named.text : undefined;
      found.push({ specifier, line: lineOf(parsed, node) });
    }
    ts.forEachChild(node, visit);
  };
  visit(parsed);
  return found;
}

function moduleNamedBy(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isExternalModuleReference(node)) return node.expression;
  if (ts.isImportTypeNode(node)) return ts.isLiteralTypeNode(node.argument) ? node.argument.literal : node.argument;
  if (ts.isCallExpression(node) && isImportOrRequire(node.expression)) return node.arguments[0];
  return undefined;
}

function isImportOrRequire(callee: ts.Expression): boolean {
  return callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === 'require');
}

function lineOf(parsed: ts.SourceFile, node: ts.Node): number {
  return parsed.getLineAndCharacterOfPosition(node.getStart(parsed)).line + 1;
}
