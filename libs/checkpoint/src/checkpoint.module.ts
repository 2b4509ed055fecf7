import { Module, type DynamicModule, type FactoryProvider } from '@nestjs/common';
import { checkpointToken } from './checkpoint.decorators.js';
import { CheckpointModuleMissingError } from './checkpoint.errors.js';
import { ConfigurableModuleClass, type OPTIONS_TYPE } from './checkpoint.module-definition.js';
import { Checkpoints } from './checkpoints.js';
import { type JsonValue } from './core/checkpoint-store.js';
import { type StreamOptions } from './core/stream-options.js';

/** A stream with options of its own. Its `compare` takes the stream's own type of positions. */
export type FeatureStream = { readonly name: string } & StreamOptions<never>;

/**
 * `CheckpointModule.forRoot()` alone works: it keeps checkpoints in the default DataSource, in the table that
 * `checkpointMigrations` makes. Global unless `isGlobal: false`. Inject `Checkpoints` to open streams.
 */
@Module({})
export class CheckpointModule extends ConfigurableModuleClass {
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    return super.forRoot(options);
  }

  /**
   * Opens these streams while the app starts, for `@InjectCheckpoint(name)`, and closes them with the app. In one app a
   * name is one stream, however many modules ask for it; an instance of the app that starts later takes it over. So
   * this is for an app that runs once; where several share the work, open partitions by `Checkpoints`.
   */
  static forFeature(...streams: readonly (string | FeatureStream)[]): DynamicModule {
    const providers = streams.map((stream) =>
      typeof stream === 'string' ? streamProvider(stream, {}) : streamProvider(stream.name, stream),
    );
    return { module: CheckpointModule, providers, exports: providers };
  }
}

function streamProvider(name: string, options: StreamOptions<never>): FactoryProvider {
  return {
    provide: checkpointToken(name),
    inject: [{ token: Checkpoints, optional: true }],
    useFactory: (checkpoints: Checkpoints | undefined) => {
      if (!checkpoints) throw new CheckpointModuleMissingError(name);
      return checkpoints.openNamed(name, options as StreamOptions<JsonValue>);
    },
  };
}
