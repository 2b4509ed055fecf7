import { describe, expect, it } from 'vitest';
import { resolveOutboxOptions, type OutboxOptions } from './outbox.options.js';

describe('resolveOutboxOptions', () => {
  it('fills in the defaults and freezes them', () => {
    const options = resolveOutboxOptions();
    expect(options).toMatchObject({ namespace: 'default', relays: true, maxPayloadBytes: 1_048_576 });
    expect(options.relay).toMatchObject({ processIntervalMs: 10_000, claimDurationMs: 10_000, maxInFlight: 100 });
    expect(Object.isFrozen(options) && Object.isFrozen(options.relay)).toBe(true);
  });

  it('does not relay with relay: false', () => {
    expect(resolveOutboxOptions({ relay: false }).relays).toBe(false);
  });

  it.each<[OutboxOptions, RegExp]>([
    [{ namespace: '' }, /^namespace must be 1 to 255 characters .* but is ""/],
    [{ namespace: 'a\u0000' }, /^namespace/],
    [{ maxPayloadBytes: 0 }, /^maxPayloadBytes must .* but is 0/],
    [{ publishers: {} }, /^publishers must name at least one/],
    [{ publishers: { a: 'local', b: 'local' } }, /^route must be given with several publishers/],
    [
      { publishers: { a: 'local' }, publisher: { publish: async () => undefined } },
      /^publisher must be one of publishers/,
    ],
    [{ deadLetter: { key: 'other' as 'hold' } }, /^deadLetter\.key must be 'hold' or 'continue', but is "other"/],
    [{ deadLetter: { concurrencyLimit: 0 } }, /^deadLetter\.concurrencyLimit/],
    [{ publishLockTimeoutMs: 0 }, /^publishLockTimeoutMs/],
    [{ inbox: { retentionMs: 0 } }, /^inbox\.retentionMs/],
    [{ tablePrefix: 'No' }, /^tablePrefix/],
    [{ shards: 0 }, /^shards/],
    [{ relay: { processIntervalMs: 0 } }, /^relay\.processIntervalMs .* but is 0/],
    [{ relay: { processIntervalMs: Number.NaN } }, /^relay\.processIntervalMs .* but is NaN/],
    [{ relay: { claimDurationMs: 50 } }, /^relay\.claimDurationMs/],
    [{ relay: { batchSize: 1.5 } }, /^relay\.batchSize/],
    [{ relay: { publishTimeoutMs: -1 } }, /^relay\.publishTimeoutMs/],
    [{ relay: { maxInFlight: 0 } }, /^relay\.maxInFlight/],
  ])('refuses %o by name and value', (options, message) => {
    expect(() => resolveOutboxOptions(options)).toThrow(RangeError);
    expect(() => resolveOutboxOptions(options)).toThrow(message);
  });

  it('names the tables of an outbox with a name after it', () => {
    expect(resolveOutboxOptions({}, 'billing').tablePrefix).toBe('turnpike_billing_');
    expect(resolveOutboxOptions({ tablePrefix: 'mine_' }, 'billing').tablePrefix).toBe('mine_');
  });

  it('routes to the only publisher by itself, and refuses a route to none', () => {
    const message = { topic: 't', payload: 1 };
    expect(resolveOutboxOptions().route(message)).toEqual(['default']);
    expect(resolveOutboxOptions({ publishers: { only: 'local' } }).route(message)).toEqual(['only']);
    const { route } = resolveOutboxOptions({ publishers: { a: 'local', b: 'local' }, route: ({ topic }) => topic });
    expect(route({ topic: 'b', payload: 1 })).toEqual(['b']);
    expect(() => route(message)).toThrow(/route gave "t", which is none of a, b/);
    const publishOnly = resolveOutboxOptions({ relay: false, route: () => ['elsewhere'] });
    expect(publishOnly.route(message)).toEqual(['elsewhere']);
  });
});
