import { Module, type DynamicModule } from '@nestjs/common';
import { ConfigurableModuleClass, type OPTIONS_TYPE } from './lessor.module-definition.js';

/**
 * `LessorModule.forRoot()` alone works: it leases in the default DataSource, whose tables `lessorMigrations` makes.
 * Global unless `isGlobal: false`.
 */
@Module({})
export class LessorModule extends ConfigurableModuleClass {
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    return super.forRoot(options);
  }
}
