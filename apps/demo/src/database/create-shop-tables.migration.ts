import { byteWiseText, execute } from 'nestjs-turnpike/dialect';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The shop's own tables, on every database. */
export class CreateShopTables1764000000000 implements MigrationInterface {
  readonly name = 'CreateShopTables1764000000000';

  async up(runner: QueryRunner): Promise<void> {
    const id = await byteWiseText(runner, 36);
    const name = await byteWiseText(runner, 100);
    const tables = {
      series: `name ${await byteWiseText(runner, 120)} not null primary key, last bigint not null`,
      orders: `id ${id} not null primary key, customer_id ${name} not null, number bigint not null,
        total bigint not null, placed_at bigint not null`,
      order_line: `order_id ${id} not null, line integer not null, sku ${name} not null, quantity integer not null,
        unit_price bigint not null, primary key (order_id, line)`,
      delivery: `position bigint not null primary key, order_id ${id} not null, customer_id ${name} not null,
        number bigint not null, delivered_at bigint not null`,
      counted_sale: `position bigint not null, line integer not null, primary key (position, line)`,
      revenue: `sku ${name} not null primary key, revenue bigint not null`,
    };
    for (const [table, columns] of Object.entries(tables)) {
      await execute(runner, `create table ${table} (${columns})`);
    }
    await execute(runner, 'create index delivery_order on delivery (order_id)');
    await execute(runner, 'create index delivery_customer on delivery (customer_id, position)');
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['revenue', 'counted_sale', 'delivery', 'order_line', 'orders', 'series']) {
      await execute(runner, `drop table ${table}`);
    }
  }
}
