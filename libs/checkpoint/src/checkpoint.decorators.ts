import { Inject } from '@nestjs/common';

/** The provider token of a stream of `CheckpointModule.forFeature`, for `inject` of a factory or `app.get`. */
export function checkpointToken(stream: string): string {
  return `TURNPIKE_CHECKPOINT_${stream}`;
}

/** Injects the `CheckpointStream` that `CheckpointModule.forFeature(stream)` opened. */
export function InjectCheckpoint(stream: string): PropertyDecorator & ParameterDecorator {
  return Inject(checkpointToken(stream));
}
