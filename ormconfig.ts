import { DataSource } from 'typeorm';
import { databaseOptions, databaseUrl } from './apps/demo/src/database/database.js';

/**
 * The demo's database for the TypeORM CLI, which reads JavaScript: `npx nest build` first, and then
 * `npx typeorm migration:show -d dist/ormconfig.js`. `DATABASE_URL` names another database than demo.sqlite.
 */
export default new DataSource(databaseOptions(databaseUrl()));
