/** What a failure of the client means. */
export type KafkaFailure = 'away' | 'refused' | 'failed';

/** Codes of the protocol that say that a record will never be taken as it is. */
const REFUSED: ReadonlySet<unknown> = new Set([
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'INVALID_TOPIC_EXCEPTION',
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
]);

/** Codes of the client that say that no broker has answered. */
const UNREACHED: ReadonlySet<unknown> = new Set(['PLT_KFK_AUTHENTICATION', 'PLT_KFK_NETWORK', 'PLT_KFK_TIMEOUT']);

/** The protocol has it among what may pass. But a topic that is not there is no outage of those that are. */
const NO_TOPIC = 'UNKNOWN_TOPIC_OR_PARTITION';

interface ClientError extends Error {
  /** The client's own code. */
  readonly code?: string;
  /** The name of the protocol's code, where a broker has answered with one. */
  readonly apiId?: string;
  readonly canRetry?: boolean;
}

/** The client's errors are trees: of attempts, of brokers, of partitions. */
export function failureOf(error: unknown): KafkaFailure {
  const leaves = leavesOf(error);
  if (leaves.some(({ apiId }) => REFUSED.has(apiId))) return 'refused';
  const isAway = ({ apiId, canRetry, code }: ClientError): boolean =>
    apiId === undefined ? UNREACHED.has(code) : canRetry === true && apiId !== NO_TOPIC;
  return leaves.length > 0 && leaves.every(isAway) ? 'away' : 'failed';
}

/** In words: what the brokers said, or else what the client says. */
export function reasonOf(error: unknown, wordsOf: (error: unknown) => string): string {
  const words = leavesOf(error).map((leaf) =>
    leaf.apiId === undefined ? wordsOf(leaf) : `${leaf.apiId}: ${wordsOf(leaf)}`,
  );
  return [...new Set(words)].join('; ');
}

function leavesOf(error: unknown): ClientError[] {
  if (error instanceof AggregateError) return error.errors.flatMap(leavesOf);
  return [error instanceof Error ? error : new Error(String(error))];
}
