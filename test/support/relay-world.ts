import { fixed } from 'nestjs-turnpike/timing';
import { ManualClock } from 'nestjs-turnpike/timing/testing';
import {
  NonRetryableError,
  OutboxRelay,
  PublishError,
  PublisherUnavailableError,
  type HeldKeyInfo,
  type NewEntry,
  type OutboxStorage,
  type OutgoingMessage,
  type Publisher,
  type StoredEntry,
} from 'nestjs-turnpike/outbox';
import { MemoryOutboxStorage } from 'nestjs-turnpike/outbox/testing';

export const SHARDS = [0, 1, 2];
export const KEYS = ['a', 'b', 'c', 'd'];
const RETRY_MS = 50;
const TIMEOUT_MS = 1000;
/** How long the relay waits for a call that was told to end. */
const GRACE_MS = 1000;
const MAX_ROUNDS = 400;

export type Outcome = 'ok' | 'retry' | 'never' | 'unavailable' | 'whole call' | 'hang';

export interface Message {
  readonly key: string | null;
  readonly destinations: readonly string[];
  /** How its attempts end, one after another; after the last one it arrives. */
  readonly outcomes: readonly Outcome[];
  readonly delayMs: number | undefined;
}

export type Step =
  | { readonly kind: 'publish'; readonly messages: readonly Message[] }
  | { readonly kind: 'advance'; readonly ms: number }
  | { readonly kind: 'crash' | 'pump'; readonly relay: number }
  | { readonly kind: 'handOver'; readonly shard: number; readonly graceful: boolean }
  | { readonly kind: 'cut'; readonly on: boolean }
  | { readonly kind: 'pause' | 'resume'; readonly destination: string; readonly everywhere: boolean }
  | { readonly kind: 'operator'; readonly what: 'requeue' | 'purge' | 'release' };

/** Never settles: whoever waits for it is dead. */
const never = (): Promise<never> => new Promise(() => undefined);

/** One process: its relay, its connection to the storage and its publishers, all of which end with it. */
class Life {
  readonly relay: OutboxRelay;
  dead = false;
  readonly leaving = new Set<number>();
  private readonly calling = new Set<string>();

  constructor(
    private readonly world: World,
    readonly name: string,
  ) {
    const { clock, afterDeadLetter } = world;
    const storage = new Proxy(world.storage, {
      get: (target, method: keyof OutboxStorage) => (argument: unknown, second: unknown, third: unknown) =>
        this.ask(() =>
          (target[method] as (...all: unknown[]) => Promise<unknown>).call(target, argument, second, third),
        ),
    });
    this.relay = new OutboxRelay({
      storage,
      publishers: new Map(['x', 'y'].map((destination) => [destination, this.publisher(destination)])),
      retry: fixed(6, RETRY_MS).withJitter(0),
      clock,
      holds: (shard) => world.owners.get(shard) === this,
      toMessage,
      afterDeadLetter,
      concurrencyLimit: 1,
      pollMs: () => 100,
      batchSize: 4,
      maxInFlight: 3,
      publishTimeoutMs: TIMEOUT_MS,
      observer: {
        called: () => undefined,
        settled: () => undefined,
        failed: () => undefined,
        deadLettered: () => undefined,
        outage: () => undefined,
        foundLate: (entries) => world.broken.push(`${entries.length} were found late`),
        storageFailed: () => undefined,
      },
    });
    this.relay.start();
  }

  async revoke(shard: number): Promise<void> {
    this.leaving.add(shard);
    await this.relay.revoke([shard]);
    this.leaving.delete(shard);
  }

  private async ask<Answer>(question: () => Promise<Answer>): Promise<Answer> {
    const { world } = this;
    const fate = world.cut ? world.random(4) : 3;
    await world.pass(4);
    if (this.dead) return never();
    if (fate === 0) throw new Error('the connection was cut');
    const answer = await question();
    await world.pass(4);
    if (this.dead) return never();
    if (fate === 1) throw new Error('the answer was lost');
    return answer;
  }

  private publisher(destination: string): Publisher {
    const ordered = destination === 'y';
    return {
      ordered,
      batchSize: 3,
      publish: async (messages) => {
        const lanes = messages.flatMap(({ key }) => (key === undefined ? [] : [`${destination} ${key}`]));
        if (!ordered && new Set(lanes).size < lanes.length) this.world.broken.push(`a call has ${lanes.join()}`);
        for (const lane of new Set(lanes)) {
          if (this.calling.has(lane)) this.world.broken.push(`${lane} is in two calls`);
          this.calling.add(lane);
        }
        const end = (): void => lanes.forEach((lane) => this.calling.delete(lane));
        await this.send(destination, messages, end).finally(end);
      },
    };
  }

  private async send(destination: string, messages: readonly OutgoingMessage[], end: () => void): Promise<void> {
    const { world } = this;
    const outcomes = messages.map(({ id }) => world.outcome(destination, id));
    if (outcomes.includes('hang')) {
      for (const { id } of messages) world.hung.add(`${destination} ${id}`);
      await world.clock.sleep(TIMEOUT_MS + GRACE_MS);
      end(); // from now on, the relay counts it as lost
      await world.clock.sleep(1000);
    } else await world.pass(20);
    if (this.dead) return never();
    const failed = new Set<string>();
    const whole = outcomes.includes('whole call');
    const errors = messages.map(({ id, key = '' }, at) => {
      const error = whole ? new Error('the call') : errorOf(outcomes[at] ?? 'ok');
      if (error || (key !== '' && failed.has(key))) {
        failed.add(key);
        return error ?? new Error('behind');
      }
      world.arrivals.push(`${destination} ${id}`);
      return undefined;
    });
    await world.pass(3);
    if (this.dead) return never();
    if (whole) throw new Error('the call');
    if (errors.some(Boolean)) throw new PublishError(errors);
  }
}

function errorOf(outcome: Outcome): Error | undefined {
  if (outcome === 'retry') return new Error('retry');
  if (outcome === 'never') return new NonRetryableError('never');
  return outcome === 'unavailable' ? new PublisherUnavailableError('away') : undefined;
}

/**
 * Two relays share three shards on one storage. Calls of storage and publishers take time, so that all that can overlap does;
 * they fail, time out and lose their answers; relays crash, and shards change hands in good order and without. A naive judge
 * watches what arrives.
 */
export class World {
  readonly clock = new ManualClock();
  readonly storage = new MemoryOutboxStorage(() => this.clock.now());
  readonly owners = new Map<number, Life>();
  readonly arrivals: string[] = [];
  readonly broken: string[] = [];
  readonly lives: Life[];
  cut = false;
  private calm = false;
  private disturbed = false;
  private readonly published = new Map<string, { readonly key: string | null; readonly delayed: boolean }>();
  private readonly outcomes = new Map<string, Outcome[]>();
  /** What may become a dead letter; what may be gone; what may arrive after later ones of its key. */
  private readonly doomed = new Set<string>();
  private readonly purged = new Set<string>();
  /** Calls of these were given up, and may still end well. */
  readonly hung = new Set<string>();
  private readonly late = new Set<string>();
  private count = 0;

  constructor(
    readonly afterDeadLetter: 'hold' | 'continue',
    private seed: number,
  ) {
    this.lives = [new Life(this, 'one'), new Life(this, 'two')];
    for (const shard of SHARDS) this.give(shard, this.lives[shard % 2] as Life, false);
  }

  random(below: number): number {
    // mulberry32
    this.seed = (this.seed + 0x6d2b79f5) | 0;
    let t = Math.imul(this.seed ^ (this.seed >>> 15), 1 | this.seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  }

  async pass(mostMs: number): Promise<void> {
    const ms = this.random(mostMs + 1);
    if (ms > 0) await this.clock.sleep(ms);
  }

  outcome(destination: string, id: string): Outcome {
    const outcome = this.outcomes.get(`${destination} ${id}`)?.shift() ?? 'ok';
    return this.calm && outcome !== 'never' ? 'ok' : outcome;
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'publish':
        return this.publish(step.messages);
      case 'advance':
        return this.clock.advance(step.ms);
      case 'crash':
        return this.crash(step.relay);
      case 'pump':
        return void this.lives[step.relay]?.relay.pump().catch(() => undefined);
      case 'handOver':
        return this.handOver(step.shard, step.graceful);
      case 'cut':
        this.cut = step.on;
        return;
      case 'pause':
      case 'resume':
        if (step.everywhere) await this.storage[step.kind](step.destination);
        else for (const { relay } of this.lives) relay[step.kind](step.destination);
        return;
      case 'operator':
        return this.meddle(step.what);
    }
  }

  /** All is well from now on. Gives how many rounds it took until nothing was left. */
  async settle(): Promise<void> {
    this.calm = true;
    this.cut = false;
    await this.storage.resume();
    for (const destination of ['x', 'y']) for (const { relay } of this.lives) relay.resume(destination);
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      await this.clock.advance(1000);
      const { pending, parked } = await this.storage.backlog(SHARDS);
      if (pending + parked === 0) return;
      for (const held of await this.storage.listHeldKeys(100)) {
        if (held.waitsFor === 'dead letter') await this.storage.release(held);
      }
    }
    const parked = (this.storage as unknown as { parked: unknown[] }).parked;
    throw new Error(
      `something is left: ${JSON.stringify(parked, (_, v: unknown) => (typeof v === 'bigint' ? `${v}` : v))}`,
    );
  }

  async judge(): Promise<string[]> {
    const letters = await this.storage.deadLetters({}, 10_000);
    const dead = new Set(letters.map(({ destination, messageId }) => `${destination} ${messageId}`));
    const arrived = new Set(this.arrivals);
    const broken = [...this.broken];
    for (const one of this.published.keys()) {
      if (!arrived.has(one) && !dead.has(one) && !this.purged.has(one)) broken.push(`${one} is lost`);
      if (dead.has(one) && this.calledLate(one)) this.late.add(one);
      else if (arrived.has(one) && dead.has(one)) broken.push(`${one} has arrived and is a dead letter`);
      if (dead.has(one) && !this.doomed.has(one)) broken.push(`${one} is a dead letter`);
    }
    for (const one of arrived) if (!this.published.has(one)) broken.push(`${one} was not published`);
    return [...broken, ...this.outOfOrder()];
  }

  /** A call of it that was given up, or whose shard was lost meanwhile, may end well after its key has gone on. */
  private calledLate(one: string): boolean {
    return this.late.has(one) || this.hung.has(one) || this.disturbed;
  }

  private outOfOrder(): string[] {
    const places = new Map([...this.published.keys()].map((one, place) => [one, place]));
    const last = new Map<string, string>();
    const broken: string[] = [];
    for (const one of new Set(this.arrivals)) {
      const { key = null, delayed = false } = this.published.get(one) ?? {};
      if (key === null || delayed || this.late.has(one)) continue;
      const lane = `${one.split(' ')[0]} ${key}`;
      const before = last.get(lane);
      if (before !== undefined && (places.get(before) ?? 0) > (places.get(one) ?? 0)) {
        broken.push(`${one} arrived after ${before}, both of ${key}`);
      }
      last.set(lane, one);
    }
    return broken;
  }

  async stop(): Promise<void> {
    let stopped = 0;
    for (const { relay } of this.lives) void relay.stop().then(() => (stopped += 1));
    for (let second = 0; second < 10; second += 1) await this.clock.advance(1000);
    if (stopped < this.lives.length) throw new Error('a relay does not stop');
  }

  private async publish(messages: readonly Message[]): Promise<void> {
    const tx = this.storage.begin();
    for (const { key, destinations, outcomes, delayMs } of messages) {
      const messageId = `m${(this.count += 1)}`;
      const shard = key === null ? this.random(SHARDS.length) : KEYS.indexOf(key) % SHARDS.length;
      for (const destination of destinations) {
        const id = `${destination} ${messageId}`;
        this.published.set(id, { key, delayed: delayMs !== undefined });
        this.outcomes.set(id, [...outcomes]);
        if (outcomes.includes('never')) this.doomed.add(id);
        await this.storage.publish(tx, [entry(messageId, shard, destination, key, delayMs)]);
      }
    }
    tx.commit();
    for (const { relay } of this.lives) relay.wake();
  }

  private async crash(index: number): Promise<void> {
    const dead = this.lives[index] as Life;
    dead.dead = true;
    this.disturbed = true;
    const next = (this.lives[index] = new Life(this, `${dead.name}+`));
    for (const [shard, owner] of this.owners) if (owner === dead) this.give(shard, next, true);
  }

  private async handOver(shard: number, graceful: boolean): Promise<void> {
    const from = this.owners.get(shard);
    const to = this.lives.find((life) => life !== from);
    // Nobody gets a shard back before it is through with it.
    if (!from || !to || to.leaving.has(shard)) return;
    if (!graceful) {
      this.disturbed = true;
      this.give(shard, to, true); // its lease has ended, and it does not know yet
      await this.clock.advance(this.random(50));
      void from.revoke(shard);
      return;
    }
    let revoked = false;
    void from.revoke(shard).then(() => (revoked = true));
    for (let round = 0; !revoked && round < MAX_ROUNDS; round += 1) await this.clock.advance(50);
    if (!revoked) throw new Error('a shard was not given back');
    this.give(shard, to, false);
  }

  private give(shard: number, to: Life, afterExpiry: boolean): void {
    this.owners.set(shard, to);
    to.relay.assign([shard], { afterExpiry });
  }

  /** As an operator would, by whatever is dead or held. */
  private async meddle(what: 'requeue' | 'purge' | 'release'): Promise<void> {
    for (const { destination, messageId, holds } of await this.storage.deadLetters({}, 1000)) {
      const one = `${destination} ${messageId}`;
      if (what === 'purge') this.purged.add(one);
      // Its key went on without it.
      if (!holds) this.late.add(one);
    }
    if (what !== 'release') await this.storage.request(what, {});
    else for (const held of await this.storage.listHeldKeys(1000)) await this.release(held);
    for (const { relay } of this.lives) relay.wake();
  }

  private async release(held: HeldKeyInfo): Promise<void> {
    const parked = await this.storage.parkedOf([held], 1000);
    const head = parked.find(({ id }) => id === held.headId);
    if (head) this.doomed.add(`${head.destination} ${head.messageId}`);
    await this.storage.release(held);
  }
}

function entry(messageId: string, shard: number, destination: string, key: string | null, delayMs?: number): NewEntry {
  const due = delayMs === undefined ? undefined : { inMs: delayMs };
  const payload = Buffer.from('{}');
  return {
    shard,
    messageId,
    namespace: 'n',
    destination,
    topic: 't',
    key,
    payload,
    contentType: 'application/json',
    headers: {},
    due,
  };
}

function toMessage(entry: StoredEntry, attempt: number): OutgoingMessage {
  const { messageId: id, topic, namespace, key, payload: body, contentType, headers, createdAtMs } = entry;
  return { id, topic, namespace, key: key ?? undefined, payload: '', body, contentType, headers, attempt, createdAtMs };
}
