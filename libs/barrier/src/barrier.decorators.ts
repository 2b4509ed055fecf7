import { Inject } from '@nestjs/common';

/** The provider token of a barrier of `BarrierModule.forFeature`, for `inject` of a factory or `app.get`. */
export function barrierToken(name: string): string {
  return `TURNPIKE_BARRIER_${name}`;
}

/** Injects the `PersistentBarrier` that `BarrierModule.forFeature({ name })` opened. */
export function InjectBarrier(name: string): PropertyDecorator & ParameterDecorator {
  return Inject(barrierToken(name));
}
