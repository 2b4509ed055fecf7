import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

type Broker = 'rabbitmq' | 'nats' | 'redis';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const urls: Readonly<Record<Broker, string>> = {
  rabbitmq:
    process.env['SERVICES_RABBITMQ_URL'] ?? `amqp://guest:guest@127.0.0.1:${process.env['RABBITMQ_PORT'] ?? 5672}`,
  nats: process.env['SERVICES_NATS_URL'] ?? `nats://127.0.0.1:${process.env['NATS_PORT'] ?? 4222}`,
  redis: process.env['SERVICES_REDIS_URL'] ?? `redis://127.0.0.1:${process.env['REDIS_PORT'] ?? 6379}`,
};

/** Where the broker is. One that does not answer on loopback is started, and stays up: `scripts/services.sh down` ends it. */
export async function broker(name: Broker): Promise<string> {
  const url = urls[name];
  if (['127.0.0.1', 'localhost'].includes(new URL(url).hostname)) {
    await promisify(execFile)('scripts/services.sh', ['up', name], { cwd: repository });
  }
  return url;
}
