import {
  checkDuration,
  checkInteger,
  checkOption,
  exponential,
  SystemClock,
  type Clock,
  type RetryPolicy,
} from 'nestjs-turnpike/timing';
import { MAX_TEXT_LENGTH } from './core/encode-message.js';
import type { Publisher } from './core/publisher.js';

export interface OutboxOptions {
  /** Where messages go. Default: the `@OnOutboxMessage` methods of this process. */
  readonly publisher?: Publisher;
  /** Keeps the messages of several apps in one database apart: keys are ordered within it. Default: `default`. */
  readonly namespace?: string;
  /** `false`: this process only publishes, and others deliver. */
  readonly relay?: RelayOptions | false;
  /** The delay before each further attempt. Default: `exponential(0, 1000, 60_000)`. It must go on without end. */
  readonly retry?: RetryPolicy;
  /** The largest payload, encoded, in bytes. Default: 1,048,576. */
  readonly maxPayloadBytes?: number;
}

export interface RelayOptions {
  /** Names this process among those that share the work, for people; a random suffix tells two of one name apart. */
  readonly processorId?: string;
  /** How long an idle relay waits before it looks for messages that other processes published. Default: 500 ms. */
  readonly processIntervalMs?: number;
  /** How long a dead process's shards lie idle before others take them. Default: 10,000 ms. */
  readonly claimDurationMs?: number;
  /** The most entries that a round reads. Default: 1000. */
  readonly batchSize?: number;
  /** How long a call of the publisher may take before its signal aborts and it counts as failed. Default: 30,000 ms. */
  readonly publishTimeoutMs?: number;
  /** The most messages in calls of the publisher at a time. Default: 100. */
  readonly maxInFlight?: number;
  readonly clock?: Clock;
}

export interface ResolvedOutboxOptions {
  readonly publisher: Publisher | undefined;
  readonly namespace: string;
  readonly relay: Readonly<Required<Omit<RelayOptions, 'processorId'>>> & Pick<RelayOptions, 'processorId'>;
  readonly relays: boolean;
  readonly retry: RetryPolicy;
  readonly maxPayloadBytes: number;
}

/** Fills in the defaults. Throws a RangeError that names the option when a value breaks its rule. */
export function resolveOutboxOptions(options: OutboxOptions = {}): ResolvedOutboxOptions {
  const { publisher, namespace = 'default', relay = {}, retry = exponential(0, 1000, 60_000) } = options;
  const { maxPayloadBytes = 1_048_576 } = options;
  const length = namespace.length;
  const named = length >= 1 && length <= MAX_TEXT_LENGTH && namespace.isWellFormed() && !namespace.includes('\u0000');
  checkOption('namespace', namespace, named, `be 1 to ${MAX_TEXT_LENGTH} characters of storable text`);
  checkInteger('maxPayloadBytes', maxPayloadBytes, 1);
  const endless = retry.delayFor(Number.MAX_SAFE_INTEGER) !== undefined;
  checkOption('retry', 'a policy with a number of attempts', endless, 'go on without end (attempts: 0)');
  return Object.freeze({
    publisher,
    namespace,
    relay: resolveRelayOptions(relay || {}),
    relays: relay !== false,
    retry,
    maxPayloadBytes,
  });
}

function resolveRelayOptions(options: RelayOptions): ResolvedOutboxOptions['relay'] {
  const { processorId, processIntervalMs = 500, claimDurationMs = 10_000, batchSize = 1000 } = options;
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
