import type { TestProject } from 'vitest/node';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from './databases.js';

const urls = {
  postgres: process.env['SERVICES_POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres',
  mariadb: process.env['SERVICES_MARIADB_URL'] ?? 'mariadb://root@127.0.0.1:3306/mysql',
};

/** A server that does not answer fails the run by its name: a silent skip would look like a pass. */
export default async function setup(project: TestProject): Promise<void> {
  for (const [name, url] of Object.entries(urls)) {
    const dataSource = new DataSource(dataSourceOptions(url));
    try {
      await dataSource.initialize();
      await dataSource.destroy();
    } catch (error) {
      throw new Error(`${name} does not answer; run scripts/services.sh up. ${String(error)}`, { cause: error });
    }
  }
  project.provide('databases', project.name === 'simulation' ? { sqlite: 'sqlite:', ...urls } : urls);
}
