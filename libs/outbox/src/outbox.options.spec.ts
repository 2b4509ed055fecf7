import { fixed } from 'nestjs-turnpike/timing';
import { describe, expect, it } from 'vitest';
import { resolveOutboxOptions, type OutboxOptions } from './outbox.options.js';

describe('resolveOutboxOptions', () => {
  it('fills in the defaults and freezes them', () => {
    const options = resolveOutboxOptions();
    expect(options).toMatchObject({ namespace: 'default', relays: true, maxPayloadBytes: 1_048_576 });
    expect(options.relay).toMatchObject({ processIntervalMs: 500, claimDurationMs: 10_000, maxInFlight: 100 });
    expect(Object.isFrozen(options) && Object.isFrozen(options.relay)).toBe(true);
  });

  it('does not relay with relay: false', () => {
    expect(resolveOutboxOptions({ relay: false }).relays).toBe(false);
  });

  it.each<[OutboxOptions, RegExp]>([
    [{ namespace: '' }, /^namespace must be 1 to 255 characters .* but is ""/],
    [{ namespace: 'a\u0000' }, /^namespace/],
    [{ maxPayloadBytes: 0 }, /^maxPayloadBytes must .* but is 0/],
    [{ retry: fixed(3, 100) }, /^retry must go on without end/],
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
});
