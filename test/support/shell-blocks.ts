import { readFileSync } from 'node:fs';

/** Who runs a block as it is written: a script that names its page and first words; or why nobody does. */
export type Runner = { readonly by: string } | { readonly notRun: string };

export interface ShellBlock {
  readonly page: string;
  readonly text: string;
}

export function shellBlocksOf(page: string, path: string): ShellBlock[] {
  const blocks = readFileSync(path, 'utf8').matchAll(/^```(?:sh|bash)\n([\s\S]*?)^```$/gm);
  return [...blocks].map(([, text = '']) => ({ page, text }));
}

/** Every shell block of the pages, by how it begins. */
export const RUNNERS: Readonly<Record<string, Readonly<Record<string, Runner>>>> = {
  'README.md': {
    'npm ci && npm start': { notRun: '.ci/run has run npm ci, and test/e2e starts the demo, on a free port' },
    'curl -s localhost:3000/orders': { by: 'test/services/readme.spec.ts' },
    'npx nest build': { by: '.ci/run' },
    'npm ci && npm test': { notRun: 'it is .ci/run itself, step by step' },
    'npm install nestjs-turnpike': { notRun: 'scripts/smoke.sh installs what would be published instead' },
    'DATABASE_URL=sqlite:app.sqlite npx nestjs-turnpike status': { by: 'scripts/smoke.sh' },
  },
  'libs/cli/README.md': { 'export DATABASE_URL=': { by: 'scripts/smoke.sh' } },
  'examples/sqlite/README.md': { 'npm install': { by: 'scripts/examples.sh' } },
  'examples/postgres-rabbitmq/README.md': { 'npm install': { by: 'scripts/examples.sh' } },
  'apps/demo/README.md': {
    'npm start': { notRun: 'it runs until it is killed; test/e2e/demo-processes.e2e-spec.ts kills it' },
    'BROKER_URL=redis://127.0.0.1:6379 npm start': {
      notRun: 'it runs until it is stopped; test/services/demo*.spec.ts do',
    },
    'npx nest build': { notRun: 'the same as in README.md' },
  },
  'docs/publishers.md': {
    'npm install amqplib': { notRun: 'examples/postgres-rabbitmq has it among its dependencies' },
  },
  'CONTRIBUTING.md': {
    'npm ci\nnpm test': { notRun: 'it is .ci/run itself, step by step' },
    'npx vitest run --project unit libs/checkpoint': { notRun: 'parts of npm test' },
    'scripts/services.sh up': { notRun: 'it is how .ci/run begins and ends' },
  },
};
