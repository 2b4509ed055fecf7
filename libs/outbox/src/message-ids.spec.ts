import { validate, version } from 'uuid';
import { describe, expect, it } from 'vitest';
import { messageIds } from './message-ids.js';

describe('messageIds', () => {
  it('makes a new UUIDv7 each time, for long', () => {
    const newId = messageIds();
    const startMs = Date.now();
    const ids = Array.from({ length: 10_000 }, newId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.every((id) => validate(id) && version(id) === 7)).toBe(true);
    const atMs = Number.parseInt(ids[0]?.replaceAll('-', '').slice(0, 12) ?? '', 16);
    expect(atMs - startMs).toBeGreaterThanOrEqual(0);
    expect(atMs - startMs).toBeLessThan(5000);
  });
});
