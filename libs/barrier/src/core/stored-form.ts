import { UnstorableJobError } from '../barrier.errors.js';
import { MAX_KEY_LENGTH } from './held-key-store.js';

/** What the keys and job ids of a barrier are, so that a restart reads them as what they were. */
export interface JobTypes {
  /** Default `string`. */
  keyType?: 'string' | 'number' | 'bigint';
  /** Default `number`: a safe integer. `bigint`: one of 64 bits with sign. */
  jobIdType?: 'number' | 'bigint';
}

const READ_KEY = { string: (text: string) => text, number: Number, bigint: BigInt } as const;

/** Keys and job ids as a store keeps them, and back. */
export class StoredForm<Key extends string | number | bigint, JobId extends number | bigint> {
  private readonly keyType: NonNullable<JobTypes['keyType']>;
  private readonly jobIdType: NonNullable<JobTypes['jobIdType']>;

  constructor({ keyType = 'string', jobIdType = 'number' }: JobTypes) {
    this.keyType = keyType;
    this.jobIdType = jobIdType;
  }

  /**
   * Refuses what could not be stored, or would be read as something else. It is called when a job enters: to learn it when the
   * job has failed would be too late.
   */
  check(key: Key, jobId: JobId): void {
    if (typeof key !== this.keyType) throw new UnstorableJobError(`keyType is ${this.keyType}, but the key is`, key);
    if (typeof key === 'string' && !isStorableText(key)) {
      throw new UnstorableJobError(
        `A key is well-formed text of at most ${MAX_KEY_LENGTH} characters without NUL, not`,
        key,
      );
    }
    if (typeof jobId !== this.jobIdType) {
      throw new UnstorableJobError(`jobIdType is ${this.jobIdType}, but the id is`, jobId);
    }
    if (typeof jobId === 'bigint' ? BigInt.asIntN(64, jobId) !== jobId : !Number.isSafeInteger(jobId)) {
      throw new UnstorableJobError('A job id is a whole number: a safe integer, or a bigint of 64 bits, not', jobId);
    }
  }

  keyFrom(text: string): Key {
    return READ_KEY[this.keyType](text) as Key;
  }

  jobIdFrom(id: bigint): JobId {
    return (this.jobIdType === 'bigint' ? id : Number(id)) as JobId;
  }
}

function isStorableText(key: string): boolean {
  return key.length <= MAX_KEY_LENGTH && key.isWellFormed() && !key.includes('\0');
}
