import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/**
 * Five tiers. The first three need nothing but npm, and are what `npm test` runs. The other two need the servers that
 * scripts/services.sh brings up: `services` runs the integration tests again on them, and `simulation` has real
 * processes killed, stopped and started again, which takes minutes.
 *
 * | project       | files                                | databases                       |
 * | unit          | *.spec.ts                            | none                            |
 * | integration   | *.int-spec.ts                        | SQLite, embedded Postgres       |
 * | e2e           | *.e2e-spec.ts                        | SQLite, embedded Postgres       |
 * | services      | *.int-spec.ts, test/services/*       | MariaDB, the server's Postgres  |
 * | simulation    | test/simulation/*                    | those, and SQLite               |
 */
const resolve = {
  tsconfigPaths: true,
  // The paths of tsconfig.json do not reach a name with #: without this it would be the built file, or an old one.
  alias: { '#nest': fileURLToPath(new URL('libs/nest/src/index.ts', import.meta.url)) },
};
// Without isolation, the files of a worker share what they import: a third of the time went into importing it again.
const shared = { environment: 'node' as const, restoreMocks: true, isolate: false };

export default defineConfig({
  resolve,
  test: {
    // Much of it waits for databases and processes: vitest's default of one worker on two cores would idle.
    maxWorkers: '100%',
    projects: [
      {
        resolve,
        test: { ...shared, name: 'unit', include: ['{libs,apps}/**/*.spec.ts', 'test/*.spec.ts'] },
      },
      {
        resolve,
        test: {
          ...shared,
          name: 'integration',
          include: ['{libs,apps}/**/*.int-spec.ts', 'test/integration/**/*.int-spec.ts'],
          globalSetup: ['test/support/embedded-databases.setup.ts'],
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        resolve,
        test: {
          ...shared,
          name: 'e2e',
          include: ['test/e2e/**/*.e2e-spec.ts'],
          globalSetup: ['test/support/embedded-databases.setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        resolve,
        test: {
          ...shared,
          name: 'services',
          include: ['{libs,apps}/**/*.int-spec.ts', 'test/integration/**/*.int-spec.ts', 'test/services/**/*.spec.ts'],
          globalSetup: ['test/support/service-databases.setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        resolve,
        test: {
          ...shared,
          name: 'simulation',
          include: ['test/simulation/**/*.int-spec.ts'],
          globalSetup: ['test/support/service-databases.setup.ts'],
          // By themselves and one at a time: they measure how soon one process takes over from another.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: 180_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
