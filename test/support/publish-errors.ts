import { PublishError } from 'nestjs-turnpike/outbox';

/** What became of each message of a call that failed for some of them: undefined where it was sent. */
export async function errorsOf(publishing: Promise<void>): Promise<readonly (Error | undefined)[]> {
  try {
    await publishing;
  } catch (error) {
    if (error instanceof PublishError) return error.errors;
    throw error;
  }
  throw new Error('All were sent.');
}
