import type { EntityManager, QueryRunner } from 'typeorm';
import { encodeMessage } from '../core/encode-message.js';
import type { OutboxMessage } from '../core/message.js';
import type { Publisher } from '../core/publisher.js';
import { OutboxRelay } from '../core/relay.js';
import type { RelayObserver } from '../core/relay-types.js';
import { ShardMap } from '../core/shard-map.js';
import { StoredMessage } from '../core/stored-message.js';
import { DeadLetters, HeldKeyList } from '../dead-letters.js';
import { OutboxPauses } from '../outbox-pauses.js';
import { currentNamespace } from '../namespace.js';
import { resolveOutboxOptions, type OutboxOptions } from '../outbox.options.js';
import { RecordingPublisher } from './recording-publisher.js';
import { MemoryOutboxStorage } from './memory-outbox-storage.js';

/** As for `OutboxModule.forRoot`, but for what is about a database; `relay.clock` may be a ManualClock. */
export interface MemoryOutboxOptions extends Pick<
  OutboxOptions,
  'route' | 'namespace' | 'relay' | 'retry' | 'deadLetter' | 'codec' | 'maxPayloadBytes'
> {
  readonly publisher?: Publisher;
  readonly publishers?: Readonly<Record<string, Publisher>>;
}

const SHARDS = 8;

/**
 * An outbox in memory, for tests of code that publishes: provide it in place of `Outbox`.
 *
 *     const outbox = new MemoryOutbox();
 *     await new Orders(outbox as unknown as Outbox).place(order);
 *     await outbox.relay.pump();
 *     expect(outbox.published.messages).toMatchObject([{ topic: 'order.placed' }]);
 *
 * There is no transaction: what is published is there at once. Nothing is delivered before `relay.pump()` or `relay.start()`.
 */
export class MemoryOutbox {
  readonly storage: MemoryOutboxStorage;
  readonly relay: OutboxRelay;
  readonly deadLetters: DeadLetters;
  readonly heldKeys: HeldKeyList;
  readonly pauses: OutboxPauses;
  /** What has arrived, unless another publisher was given. */
  readonly published = new RecordingPublisher();
  private readonly options: ReturnType<typeof resolveOutboxOptions>;
  private readonly shards = new ShardMap(SHARDS);
  private count = 0;

  constructor({ publisher, publishers, ...options }: MemoryOutboxOptions = {}) {
    const destinations = publishers ? { publishers } : { publisher: publisher ?? this.published };
    this.options = resolveOutboxOptions({ ...options, ...destinations });
    const { relay, retry, deadLetter, codec } = this.options;
    this.storage = new MemoryOutboxStorage(() => relay.clock.now());
    this.relay = new OutboxRelay({
      ...relay,
      storage: this.storage,
      publishers: this.options.publishers as ReadonlyMap<string, Publisher>,
      retry,
      afterDeadLetter: deadLetter.key,
      concurrencyLimit: deadLetter.concurrencyLimit,
      holds: () => true,
      pollMs: () => relay.processIntervalMs,
      toMessage: (entry, attempt) => new StoredMessage(entry, attempt, codec),
      observer: SILENT,
    });
    const requested = (): void => this.relay.wake();
    this.deadLetters = new DeadLetters(this.storage, codec, requested);
    this.heldKeys = new HeldKeyList(this.storage, requested);
    this.pauses = new OutboxPauses(this.storage, requested);
    this.relay.assign([...Array(SHARDS).keys()]);
  }

  /** As `Outbox.publish`; the manager or runner is not looked at. */
  async publish(first: EntityManager | QueryRunner | OutboxMessage, ...rest: OutboxMessage[]): Promise<void> {
    const messages = 'topic' in first ? [first, ...rest] : rest;
    const { namespace, codec, maxPayloadBytes, route } = this.options;
    const encoding = {
      codec,
      maxPayloadBytes,
      route,
      shards: this.shards,
      newId: () => `message-${(this.count += 1)}`,
    };
    const tx = this.storage.begin();
    for (const message of messages) {
      await this.storage.publish(tx, encodeMessage(message, currentNamespace() ?? namespace, encoding));
    }
    tx.commit();
    this.relay.wake();
  }

  /** `@Publishes` asks it: here, every method is as good as in a transaction. */
  requireAmbientTransaction(): void {}

  wake(): void {
    this.relay.wake();
  }
}

const nothing = (): void => undefined;

const SILENT: RelayObserver = {
  called: nothing,
  settled: nothing,
  failed: nothing,
  deadLettered: nothing,
  outage: nothing,
  foundLate: nothing,
  storageFailed: nothing,
};
