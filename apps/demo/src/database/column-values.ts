import type { ValueTransformer } from 'typeorm';

/** Some drivers read a bigint as text. None of ours exceeds 2^53. */
export const asNumber: ValueTransformer = {
  from: (stored: string | number) => Number(stored),
  to: (value: unknown) => value,
};

/** ms since the epoch: the same on every database, and in every time zone. */
export const asDate: ValueTransformer = {
  from: (stored: string | number) => new Date(Number(stored)),
  to: (value: Date) => value.getTime(),
};
