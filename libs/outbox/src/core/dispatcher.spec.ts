import { ManualClock } from 'nestjs-turnpike/timing/testing';
import { describe, expect, it } from 'vitest';
import { PublishError } from '../outbox.errors.js';
import { Dispatcher, type DispatcherOptions, type Outcome } from './dispatcher.js';
import type { OutgoingMessage, ParkedEntry } from './message.js';
import type { PublishContext } from './publisher.js';

interface Call {
  readonly ids: string[];
  readonly context: PublishContext;
  readonly end: (error?: unknown) => void;
}

const entry = (messageId: string, part: Partial<ParkedEntry> = {}): ParkedEntry => ({
  id: 1n,
  shard: 0,
  messageId,
  namespace: 'n',
  topic: 't',
  key: null,
  payload: Buffer.from('1'),
  contentType: 'application/json',
  headers: {},
  createdAtMs: 0,
  attempts: 0,
  ...part,
});

/** A dispatcher over a publisher whose calls end when the test says so. */
function setUp(options: Partial<DispatcherOptions> = {}, batchSize = 2) {
  const clock = new ManualClock();
  const calls: Call[] = [];
  const stop = new AbortController();
  const publisher = {
    batchSize,
    publish: (messages: readonly OutgoingMessage[], context: PublishContext) =>
      new Promise<void>((resolve, reject) => {
        const end = (error?: unknown): void => (error === undefined ? resolve() : reject(error));
        calls.push({ ids: messages.map(({ id }) => id), context, end });
      }),
  };
  const dispatcher = new Dispatcher({
    publisher,
    clock,
    maxInFlight: 4,
    publishTimeoutMs: 100,
    mayBegin: () => true,
    ...options,
  });
  const send = (...entries: ParkedEntry[]): Promise<Outcome[]> =>
    Promise.all(entries.map((one) => dispatcher.send(one, stop.signal)));
  return { clock, calls, stop, dispatcher, send };
}

describe('Dispatcher', () => {
  it('fills calls with what is sent in one turn, and has no more in flight than it may', async () => {
    const { clock, calls, dispatcher, send } = setUp();
    const sent = send(...['a', 'b', 'c', 'd', 'e'].map((id) => entry(id)));
    await clock.advance(0);
    expect(calls.map(({ ids }) => ids)).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
    expect(dispatcher.inFlight).toBe(4);
    calls[0]?.end();
    await clock.advance(0);
    expect(calls[2]?.ids).toEqual(['e']);
    for (const { end } of calls) end();
    expect(await sent).toEqual(['a', 'b', 'c', 'd', 'e'].map(() => ({ kind: 'sent' })));
    expect(dispatcher.inFlight).toBe(0);
  });

  it('never mixes namespaces in a call', async () => {
    const { clock, calls, send } = setUp({}, 10);
    void send(entry('a'), entry('b'), entry('c', { namespace: 'other' }));
    await clock.advance(0);
    expect(calls.map(({ ids, context }) => [context.namespace, ...ids])).toEqual([
      ['n', 'a', 'b'],
      ['other', 'c'],
    ]);
  });

  it('tells each message of a PublishError its own outcome', async () => {
    const { clock, calls, send } = setUp();
    const sent = send(entry('a'), entry('b'));
    await clock.advance(0);
    const error = new Error('no');
    calls[0]?.end(new PublishError([undefined, error]));
    expect(await sent).toEqual([{ kind: 'sent' }, { kind: 'failed', error }]);
  });

  it.each<[string, unknown, RegExp]>([
    ['an Error', new Error('broken'), /^broken$/],
    ['text', 'broken', /^Not an Error was thrown: broken$/],
    ['a PublishError of another length', new PublishError([new Error('x')]), /1 results for 2 messages/],
  ])('fails all messages of a call that throws %s', async (_what, thrown, message) => {
    const { clock, calls, send } = setUp();
    const sent = send(entry('a'), entry('b'));
    await clock.advance(0);
    calls[0]?.end(thrown);
    const error = expect.objectContaining({ message: expect.stringMatching(message) });
    expect(await sent).toEqual([
      { kind: 'failed', error },
      { kind: 'failed', error },
    ]);
  });

  it('fails an entry whose bytes are damaged, and not its neighbours', async () => {
    const { clock, calls, send } = setUp();
    const sent = send(entry('bad', { payload: Buffer.from('{') }), entry('good'));
    await clock.advance(0);
    calls[0]?.end();
    expect((await sent).map(({ kind }) => kind)).toEqual(['failed', 'sent']);
    expect(calls[0]?.ids).toEqual(['good']);
  });

  it('aborts the signal of a call that takes too long, gives up when it ignores that, and leaves no timer', async () => {
    const { clock, calls, dispatcher, send } = setUp();
    const sent = send(entry('a'));
    await clock.advance(99);
    expect(calls[0]?.context.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(calls[0]?.context.signal.aborted).toBe(true);
    expect(dispatcher.inFlight).toBe(1);
    await clock.advance(1000);
    expect(await sent).toEqual([
      { kind: 'failed', error: expect.objectContaining({ message: expect.stringContaining('in time') }) },
    ]);
    expect(clock.waiting).toBe(0);
  });

  it('takes the word of a call that ends soon after its signal aborted', async () => {
    const { clock, calls, send } = setUp();
    const sent = send(entry('a'));
    await clock.advance(100);
    calls[0]?.end();
    expect(await sent).toEqual([{ kind: 'sent' }]);
    await clock.advance(0);
    expect(clock.waiting).toBe(0);
  });

  it('aborts the signal of a running call when it is told to stop, and withholds what that cut short', async () => {
    const { clock, calls, stop, send } = setUp();
    const sent = send(entry('a'), entry('b'));
    await clock.advance(0);
    stop.abort(new Error('stopping'));
    expect(calls[0]?.context.signal.aborted).toBe(true);
    calls[0]?.end(new PublishError([undefined, new Error('stopping')]));
    expect(await sent).toEqual([{ kind: 'sent' }, { kind: 'withheld' }]);
  });

  it('withholds what may no longer begin, right before the call', async () => {
    let mine = true;
    const { clock, calls, send } = setUp({ maxInFlight: 1, mayBegin: () => mine }, 1);
    const sent = send(entry('a'), entry('b'));
    await clock.advance(0);
    mine = false;
    calls[0]?.end();
    expect(await sent).toEqual([{ kind: 'sent' }, { kind: 'withheld' }]);
    expect(calls).toHaveLength(1);
  });
});
