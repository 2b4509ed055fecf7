import { byteWiseText, execute } from 'nestjs-turnpike/dialect';
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateBreakdownTable1765000000000 implements MigrationInterface {
  readonly name = 'CreateBreakdownTable1765000000000';

  async up(runner: QueryRunner): Promise<void> {
    await execute(
      runner,
      `create table breakdown (customer_id ${await byteWiseText(runner, 100)} not null primary key)`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await execute(runner, 'drop table breakdown');
  }
}
