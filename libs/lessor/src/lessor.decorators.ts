import { Inject } from '@nestjs/common';

/** The provider token of the app's `Lessor`, for `inject` of a factory or `app.get`. */
export const LESSOR = Symbol('turnpike.lessor');

/** Injects the `Lessor` that `LessorModule.forRoot` chose. */
export function InjectLessor(): PropertyDecorator & ParameterDecorator {
  return Inject(LESSOR);
}
