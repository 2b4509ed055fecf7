import { DataSource, type DataSourceOptions } from 'typeorm';
import { dialectOf, execute, serializeSqlite } from 'nestjs-turnpike/dialect';
import { LeaseBalancer, Partition, TypeOrmLeaseStore } from 'nestjs-turnpike/lessor';
import { SystemClock } from 'nestjs-turnpike/timing';

/** What the test tells a member's process, as JSON. */
export interface MemberOptions {
  readonly database: DataSourceOptions;
  readonly name: string;
  readonly termMs: number;
  /** How far its wall clock is off. */
  readonly skewMs: number;
}

/** The wall clock is off by `skewMs`; the monotonic one cannot be. */
class SkewedClock extends SystemClock {
  constructor(private readonly skewMs: number) {
    super();
  }
  override now(): number {
    return super.now() + this.skewMs;
  }
}

const { database, name, termMs, skewMs } = JSON.parse(process.argv[2] ?? '') as MemberOptions;
const dataSource = serializeSqlite(await new DataSource(database).initialize());
const { nowMs, parameters } = dialectOf(dataSource);

/** Writes down what this process works on: from when to when, by the database's clock. */
async function began(parts: readonly Partition[]): Promise<void> {
  const p = parameters();
  const rows = parts.map(({ low }) => `(${p.add(Number(low))}, ${p.add(name)}, ${nowMs})`);
  await execute(dataSource, `insert into ownership (part, member, began) values ${rows.join(', ')}`, p.values);
}

async function ended(parts: readonly Partition[]): Promise<void> {
  const p = parameters();
  const set = `update ownership set ended = ${nowMs} where ended is null and member = ${p.add(name)}`;
  const lows = parts.map(({ low }) => Number(low));
  await execute(dataSource, `${set} and ${p.oneOf('part', lows, 'integer')}`, p.values);
}

let writing: Promise<unknown> = Promise.resolve();
const balancer = new LeaseBalancer({
  store: new TypeOrmLeaseStore(dataSource),
  section: 'simulation',
  universe: Partition.fromInts(0, 64),
  memberId: name,
  termMs,
  clock: new SkewedClock(skewMs),
  onAssigned: (parts) => void (writing = writing.then(() => began(parts))),
  onRevoked: (parts) => {
    const stopped = writing.then(() => ended(parts));
    writing = stopped;
    return stopped;
  },
  onError: (error) => console.error(error),
});
balancer.start();

process.once('SIGTERM', () => {
  void balancer.stop().then(() => dataSource.destroy());
});
