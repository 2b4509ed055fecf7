import { describe, expect, it } from 'vitest';
import { PublisherUnavailableError } from '../outbox.errors.js';
import { LazyConnection, type Connection } from './lazy-connection.js';

class FakeConnection implements Connection {
  alive = true;
  async close(): Promise<void> {
    this.alive = false;
  }
}

function opening() {
  const opened: FakeConnection[] = [];
  const lazy = new LazyConnection(async () => {
    await Promise.resolve();
    const connection = new FakeConnection();
    opened.push(connection);
    return connection;
  });
  return { lazy, opened };
}

describe('LazyConnection', () => {
  it('opens nothing before it is asked, and one connection for all who ask meanwhile', async () => {
    const { lazy, opened } = opening();
    expect(opened).toEqual([]);
    const [first, second] = await Promise.all([lazy.get(), lazy.get()]);
    expect(first).toBe(second);
    expect(await lazy.get()).toBe(first);
    expect(opened).toHaveLength(1);
  });

  it('opens another one when it was lost', async () => {
    const { lazy, opened } = opening();
    (await lazy.get()).alive = false;
    expect((await lazy.get()).alive).toBe(true);
    expect(opened).toHaveLength(2);
  });

  it('opens another one when it was lost while it was being opened', async () => {
    const { lazy, opened } = opening();
    const first = lazy.get();
    void first.then((connection) => (connection.alive = false));
    await first;
    expect(await lazy.get()).toBe(opened[1]);
  });

  it('tries again after a failure, of which all who wait learn', async () => {
    let tries = 0;
    const lazy = new LazyConnection(async () => {
      if (++tries === 1) throw new Error('refused');
      return new FakeConnection();
    });
    await expect(Promise.all([lazy.get(), lazy.get()])).rejects.toThrow('refused');
    expect(await lazy.get()).toBeInstanceOf(FakeConnection);
    expect(tries).toBe(2);
  });

  it('closes the connection, also one that is only being opened, and opens none any more', async () => {
    const { lazy, opened } = opening();
    const asked = lazy.get();
    await lazy.close();
    await asked;
    expect(opened.map(({ alive }) => alive)).toEqual([false]);
    await expect(lazy.get()).rejects.toBeInstanceOf(PublisherUnavailableError);
  });

  it('can be closed twice, or before anything was opened, or when that failed', async () => {
    const { lazy } = opening();
    await lazy.close();
    await lazy.close();
    const failing = new LazyConnection<FakeConnection>(async () => Promise.reject(new Error('refused')));
    const asked = failing.get();
    await failing.close();
    await expect(asked).rejects.toThrow('refused');
  });
});
