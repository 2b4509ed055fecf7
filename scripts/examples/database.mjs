// Runs one statement on a Postgres server.
//
//   node scripts/examples/database.mjs <url> <statement>

import pg from 'pg';

const [url, statement] = process.argv.slice(2);
const client = new pg.Client({ connectionString: url });
await client.connect();
await client.query(statement);
await client.end();
