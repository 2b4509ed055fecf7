import { Module, type DynamicModule } from '@nestjs/common';
import { ConfigurableModuleClass, type OPTIONS_TYPE } from './outbox.module-definition.js';

/**
 * `OutboxModule.forRoot()` alone works: the default DataSource, and the `@OnOutboxMessage` methods of the process. Its
 * tables are made by `outboxMigrations`. Global unless `isGlobal: false`.
 */
@Module({})
export class OutboxModule extends ConfigurableModuleClass {
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    return super.forRoot(options);
  }
}
