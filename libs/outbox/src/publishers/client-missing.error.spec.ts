import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkInstalled, ClientMissingError } from './client-missing.error.js';

describe('checkInstalled', () => {
  const elsewhere = createRequire(join(tmpdir(), 'app.js'));

  it('says what to install', () => {
    const check = (): void =>
      checkInstalled('NatsPublisher', ['@nats-io/jetstream', '@nats-io/transport-node'], elsewhere);
    expect(check).toThrow(ClientMissingError);
    expect(check).toThrow('NatsPublisher needs @nats-io/jetstream and @nats-io/transport-node: npm install @nats-io/');
  });

  it.each(['amqplib', 'ioredis', '@nats-io/jetstream', '@platformatic/kafka', '@nestjs/microservices'])(
    'finds %s, whether it is for require or for import alone',
    (name) => {
      expect(() => checkInstalled('Publisher', [name])).not.toThrow();
    },
  );
});
