import { DEFAULT_TABLE_PREFIX, checkTablePrefix } from 'nestjs-turnpike/dialect';
import {
  checkDuration,
  checkInteger,
  checkOption,
  exponential,
  SystemClock,
  type Clock,
  type RetryPolicy,
} from 'nestjs-turnpike/timing';
import { MAX_DESTINATION_LENGTH, MAX_TEXT_LENGTH } from './core/encode-message.js';
import type { OutboxMessage } from './core/message.js';
import type { PayloadCodec } from './core/payload-codec.js';
import type { Publisher } from './core/publisher.js';
import { DEFAULT_PUBLISH_LOCK_TIMEOUT_MS } from './typeorm/outbox-db.js';

/** Stands for the `@OnOutboxMessage` methods of the process, among `publishers`. */
export const LOCAL = 'local';

export interface OutboxOptions {
  /** Where messages go. Default: the `@OnOutboxMessage` methods of this process. */
  readonly publisher?: Publisher;
  /** Several destinations by name, instead of `publisher`; `'local'` stands for the `@OnOutboxMessage` methods. */
  readonly publishers?: Readonly<Record<string, Publisher | typeof LOCAL>>;
  /**
   * Which destinations a message goes to; asked when it is published. Each gets an entry of its own, with the same id, and
   * one's failure repeats only that one. Needed with more than one of `publishers`.
   */
  readonly route?: (message: OutboxMessage) => string | readonly string[];
  /** Keeps the messages of several apps in one database apart: keys are ordered within it. Default: `default`. */
  readonly namespace?: string;
  /** `false`: this process only publishes, and others deliver. */
  readonly relay?: RelayOptions | false;
  /**
   * The delay before each further attempt; when its attempts are used up, the message becomes a dead letter. Default:
   * `exponential(20, 1000, 600_000)`, which goes on for about two hours.
   */
  readonly retry?: RetryPolicy;
  readonly deadLetter?: DeadLetterOptions;
  /** How payloads become bytes. Default: JSON. */
  readonly codec?: PayloadCodec;
  /** The largest payload, encoded, in bytes. Default: 1,048,576. */
  readonly maxPayloadBytes?: number;
  /** How long a transaction waits at its COMMIT for others that publish to the same shards. Default: 5000 ms. */
  readonly publishLockTimeoutMs?: number;
  readonly inbox?: InboxOptions;
  /** What the tables' names begin with. Default: `turnpike_`, and `turnpike_<name>_` for an outbox with a name. */
  readonly tablePrefix?: string;
  /** Stops the start when the tables were made for another number of shards. Default: any number will do. */
  readonly shards?: number;
}

export interface DeadLetterOptions {
  /**
   * What the later messages of its key do. `hold`, the default: they wait until the dead letter is requeued or purged.
   * `continue`: they go on without it.
   */
  readonly key?: 'hold' | 'continue';
  /** With `continue`: how many messages of the key may be in a call at a time until one is through. Default: 1. */
  readonly concurrencyLimit?: number;
}

export interface InboxOptions {
  /** How long it is remembered which messages were processed; longer than a message can be late. Default: 7 days. */
  readonly retentionMs?: number;
}

export interface RelayOptions {
  /** Names this process among those that share the work, for people; a random suffix tells two of one name apart. */
  readonly processorId?: string;
  /**
   * How long an idle relay waits before it looks by itself, in case it was not told. Default: 10,000 ms. Where processes
   * cannot tell each other (SQLite, MySQL, MariaDB, or a Postgres that LISTEN does not reach), it is at most 500 ms.
   */
  readonly processIntervalMs?: number;
  /** How long a dead process's shards lie idle before others take them. Default: 10,000 ms. */
  readonly claimDurationMs?: number;
  /** The most entries that a read gives; up to four times as many are in memory. Default: 1000. */
  readonly batchSize?: number;
  /** How long a call of the publisher may take before its signal aborts and it counts as failed. Default: 30,000 ms. */
  readonly publishTimeoutMs?: number;
  /** The most messages of a destination in calls of its publisher at a time. Default: 100. */
  readonly maxInFlight?: number;
  readonly clock?: Clock;
}

export interface ResolvedOutboxOptions {
  readonly publishers: ReadonlyMap<string, Publisher | typeof LOCAL>;
  readonly route: (message: OutboxMessage) => readonly string[];
  readonly namespace: string;
  readonly relay: Readonly<Required<Omit<RelayOptions, 'processorId'>>> & Pick<RelayOptions, 'processorId'>;
  readonly relays: boolean;
  readonly retry: RetryPolicy;
  readonly deadLetter: Required<DeadLetterOptions>;
  readonly codec: PayloadCodec | undefined;
  readonly maxPayloadBytes: number;
  readonly publishLockTimeoutMs: number;
  readonly inboxRetentionMs: number;
  readonly tablePrefix: string;
  readonly shards: number | undefined;
}

/** The destination of an outbox with one publisher. */
const DEFAULT_DESTINATION = 'default';

/** Fills in the defaults. Throws a RangeError that names the option when a value breaks its rule. */
export function resolveOutboxOptions(options: OutboxOptions = {}, name?: string): ResolvedOutboxOptions {
  const { namespace = 'default', relay = {}, retry = exponential(20, 1000, 600_000), codec, shards } = options;
  const { maxPayloadBytes = 1_048_576, publishLockTimeoutMs = DEFAULT_PUBLISH_LOCK_TIMEOUT_MS } = options;
  const { key = 'hold', concurrencyLimit = 1 } = options.deadLetter ?? {};
  const { retentionMs: inboxRetentionMs = 7 * 86_400_000 } = options.inbox ?? {};
  const { tablePrefix = name === undefined ? DEFAULT_TABLE_PREFIX : `${DEFAULT_TABLE_PREFIX}${name}_` } = options;
  checkOption(
    'namespace',
    namespace,
    isName(namespace, MAX_TEXT_LENGTH),
    `be 1 to ${MAX_TEXT_LENGTH} characters of text`,
  );
  checkOption('deadLetter.key', key, key === 'hold' || key === 'continue', `be 'hold' or 'continue'`);
  checkInteger('deadLetter.concurrencyLimit', concurrencyLimit, 1);
  checkInteger('maxPayloadBytes', maxPayloadBytes, 1);
  checkDuration('publishLockTimeoutMs', publishLockTimeoutMs, 1);
  checkOption('inbox.retentionMs', inboxRetentionMs, inboxRetentionMs > 0, 'be more than 0 (Infinity: for ever)');
  if (codec)
    checkOption('codec.contentType', codec.contentType, isName(codec.contentType, 100), 'be 1 to 100 characters');
  if (shards !== undefined) checkInteger('shards', shards, 1);
  checkTablePrefix(tablePrefix);
  const publishers = resolvePublishers(options);
  return Object.freeze({
    publishers,
    route: resolveRoute(options, publishers),
    namespace,
    relay: resolveRelayOptions(relay || {}),
    relays: relay !== false,
    retry,
    deadLetter: { key, concurrencyLimit },
    codec,
    maxPayloadBytes,
    publishLockTimeoutMs,
    inboxRetentionMs,
    tablePrefix,
    shards,
  });
}

function resolvePublishers({ publisher, publishers, route }: OutboxOptions): ResolvedOutboxOptions['publishers'] {
  if (!publishers) return new Map([[DEFAULT_DESTINATION, publisher ?? LOCAL]]);
  const names = Object.keys(publishers);
  checkOption('publisher', 'given beside publishers', publisher === undefined, 'be one of publishers');
  checkOption('publishers', 'empty', names.length > 0, 'name at least one');
  checkOption('route', 'absent', route !== undefined || names.length === 1, 'be given with several publishers');
  const named = names.every((name) => isName(name, MAX_DESTINATION_LENGTH));
  checkOption('publishers', names, named, `have names of 1 to ${MAX_DESTINATION_LENGTH} characters`);
  return new Map(Object.entries(publishers));
}

/** A process that only publishes may route to destinations that it has no publisher for. */
function resolveRoute(
  { route, relay, publishers: given }: OutboxOptions,
  publishers: ResolvedOutboxOptions['publishers'],
): ResolvedOutboxOptions['route'] {
  const [only = DEFAULT_DESTINATION] = publishers.keys();
  if (!route) return () => [only];
  const anyName = relay === false && given === undefined;
  return (message) => {
    const routed = route(message);
    const names = typeof routed === 'string' ? [routed] : routed;
    const unknown = names.find((name) => !anyName && !publishers.has(name));
    if (unknown !== undefined) {
      throw new RangeError(
        `route gave ${JSON.stringify(unknown)}, which is none of ${[...publishers.keys()].join(', ')}`,
      );
    }
    return names;
  };
}

function resolveRelayOptions(options: RelayOptions): ResolvedOutboxOptions['relay'] {
  const { processorId, processIntervalMs = 10_000, claimDurationMs = 10_000, batchSize = 1000 } = options;
  const { publishTimeoutMs = 30_000, maxInFlight = 100, clock = new SystemClock() } = options;
  checkDuration('relay.processIntervalMs', processIntervalMs, 1);
  checkInteger('relay.claimDurationMs', claimDurationMs, 100);
  checkInteger('relay.batchSize', batchSize, 1, 10_000);
  checkDuration('relay.publishTimeoutMs', publishTimeoutMs, 1);
  checkInteger('relay.maxInFlight', maxInFlight, 1);
  return Object.freeze({
    processorId,
    processIntervalMs,
    claimDurationMs,
    batchSize,
    publishTimeoutMs,
    maxInFlight,
    clock,
  });
}

function isName(text: string, most: number): boolean {
  return text.length >= 1 && text.length <= most && text.isWellFormed() && !text.includes('\u0000');
}
