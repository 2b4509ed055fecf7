import { Matches } from 'class-validator';

/** Text of 1 to 100 characters that every database can keep: without NUL, and without half a surrogate pair. */
export function IsName(): PropertyDecorator {
  return Matches(/^[^\0\p{Surrogate}]{1,100}$/u, {
    message: '$property must be text of 1 to 100 characters, without NUL',
  });
}
