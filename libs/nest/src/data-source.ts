import type { OptionalFactoryDependency } from '@nestjs/common';
import { getDataSourceToken } from '@nestjs/typeorm';

/**
 * What a factory injects to get the app's DataSource, or `undefined` when there is none (a module that keeps its state
 * in memory must start without TypeORM). `name` is the connection's name in TypeOrmModule.
 */
export function optionalDataSource(name?: string): OptionalFactoryDependency {
  return { token: getDataSourceToken(name) as OptionalFactoryDependency['token'], optional: true };
}
