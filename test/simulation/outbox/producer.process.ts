import { randomInt } from 'node:crypto';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Outbox, OutboxModule } from 'nestjs-turnpike/outbox';
import { DataSource, type QueryRunner } from 'typeorm';
import { surviveCuts } from './survive-cuts.js';
import { hear, tell, type FromCollector, type ProcessOptions, type ProducerSettings } from './wire.js';

/**
 * Publishes 1 to 4 messages a transaction, several transactions at a time, over some keys, until it is told to stop. Half of
 * the transactions roll back: before the outbox has written, or after, in place of the COMMIT. Some COMMITs are slow. No row
 * of the producer's own serializes the keys: a ledger gets one new row a transaction, with its messages.
 */
const { name, port, database, keys, overlapping } = JSON.parse(process.argv[2] ?? '') as ProcessOptions &
  ProducerSettings;
const collector = connect(port, '127.0.0.1').setNoDelay(true);
collector.on('close', () => process.exit(1));
let stopped = false;
hear(collector, (line) => {
  if ((line as FromCollector).kind === 'stop') stopped = true;
});
tell(collector, { kind: 'hello', name });

@Module({})
class Root {}
const app = await NestFactory.createApplicationContext(
  { module: Root, imports: [TypeOrmModule.forRoot(database), OutboxModule.forRoot({ relay: false })] },
  { logger: false },
);
const outbox = app.get(Outbox);
const dataSource = app.get(DataSource);
surviveCuts(dataSource);

/** Three in ten messages are for the first 20 keys, so that transactions meet. */
const someKey = (): string => `key-${randomInt(10) < 3 ? randomInt(20) : randomInt(keys)}`;
const now = (): string => String(process.hrtime.bigint());

/** Between what the outbox writes and the COMMIT. */
function atCommit(runner: QueryRunner, before: () => Promise<void>): void {
  const query = runner.query.bind(runner) as (sql: string, ...rest: unknown[]) => Promise<unknown>;
  runner.query = (async (sql: string, ...rest: unknown[]) => {
    if (sql === 'COMMIT') await before();
    return query(sql, ...rest);
  }) as typeof runner.query;
}

async function transact(tx: string): Promise<void> {
  const fate = randomInt(4);
  const messages = Array.from({ length: 1 + randomInt(4) }, (_, n) => ({ id: `${tx}-${n}`, key: someKey() }));
  const runner = dataSource.createQueryRunner();
  atCommit(runner, async () => {
    if (randomInt(3) === 0) await sleep(randomInt(60));
    if (fate === 1) throw new Error('rolled back late');
  });
  let calledNs: string | undefined;
  let returnedNs: string | undefined;
  try {
    await runner.startTransaction();
    await runner.query(`insert into ledger values ('${tx}', '${messages.map(({ id }) => id).join(' ')}')`);
    await outbox.publish(runner, ...messages.map(({ id, key }) => ({ topic: 't', id, key, payload: { id } })));
    await sleep(randomInt(10));
    if (fate === 0) throw new Error('rolled back early');
    calledNs = now();
    await runner.commitTransaction();
    returnedNs = now();
  } catch {
    if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => undefined);
  } finally {
    await runner.release().catch(() => undefined);
  }
  // Of one whose answer never came, the ledger knows.
  if (calledNs !== undefined) {
    tell(collector, { kind: 'transaction', transaction: { tx, calledNs, returnedNs, messages } });
  }
}

async function produce(loop: number): Promise<void> {
  for (let n = 0; !stopped; n += 1) {
    await transact(`${name}-${loop}-${n}`).catch(() => sleep(50)); // a connection that was cut
    await sleep(randomInt(30));
  }
}

await Promise.all(Array.from({ length: overlapping }, (_, loop) => produce(loop)));
await app.close();
collector.end(() => process.exit(0));
