import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testDatabases, type TestDatabase } from '../../../../test/support/databases.js';
import { InboxEntity, outboxEntities, OutboxEntryEntity, outboxMigrations, OutboxParkedEntity } from '../index.js';

describe.each(testDatabases())('The entities on %s', (_name, open) => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await open({ migrations: [...outboxMigrations], entities: outboxEntities });
  });
  afterEach(() => database.close());

  it('describe the tables that the migrations made, and leave them to the migrations', async () => {
    const { manager } = database.dataSource;
    for (const entity of outboxEntities) expect(await manager.find(entity as typeof InboxEntity)).toEqual([]);
    await database.dataSource.query(
      `insert into turnpike_outbox_entry (shard, message_id, namespace, destination, topic, payload, content_type, headers, created_at)
       values (5, 'm', 'n', 'd', 't', '', 'application/json', '{}', 1)`,
    );
    const [entry] = await manager.find(OutboxEntryEntity);
    expect(entry).toMatchObject({
      shard: 5,
      messageId: 'm',
      destination: 'd',
      key: null,
      contentType: 'application/json',
    });
    expect(await manager.count(OutboxParkedEntity)).toBe(0);
    expect((await database.dataSource.driver.createSchemaBuilder().log()).upQueries).toEqual([]);
  });
});
