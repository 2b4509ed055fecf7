import { describe, expect, it } from 'vitest';
import { DuplicateLessorError, UnknownLessorError } from '../lessor.errors.js';
import { LessorRegistry } from './lessor-registry.js';
import { StoreLessor } from './lessor.js';
import { MemoryLeaseStore } from './memory-lease-store.js';

const inMemory = () => new StoreLessor(new MemoryLeaseStore());

describe('LessorRegistry', () => {
  it('makes a lessor once, with the options of the registry', async () => {
    const options = { holder: 'me' };
    const registry = new LessorRegistry(options);
    const seen: unknown[] = [];
    registry.register('mine', (given) => (seen.push(given), inMemory()));
    const [first, second] = await Promise.all([registry.get('mine'), registry.get('mine')]);
    expect(first).toBe(second);
    expect(seen).toEqual([options]);
  });

  it('names an unknown id, and those it knows', async () => {
    const registry = new LessorRegistry();
    registry.register('memory', inMemory);
    await expect(registry.get('etcd')).rejects.toThrow(UnknownLessorError);
    await expect(registry.get('etcd')).rejects.toThrow('"etcd" is not one of: memory');
  });

  it('refuses a second lessor of one id', () => {
    const registry = new LessorRegistry();
    registry.register('memory', inMemory);
    expect(() => registry.register('memory', inMemory)).toThrow(DuplicateLessorError);
  });

  it('asks a factory that failed again', async () => {
    const registry = new LessorRegistry();
    let calls = 0;
    registry.register('flaky', () => {
      calls += 1;
      if (calls === 1) throw new Error('not yet');
      return inMemory();
    });
    await expect(registry.get('flaky')).rejects.toThrow('not yet');
    await expect(registry.get('flaky')).resolves.toBeInstanceOf(StoreLessor);
  });
});
