import { DeliverPolicy, jetstreamManager, JetStreamApiError, JetStreamApiCodes } from '@nats-io/jetstream';
import type { ConsumerMessages, JetStreamManager, StreamInfo } from '@nats-io/jetstream';
import { connect, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node';
import type { CheckpointStream } from 'nestjs-turnpike/checkpoint';
import { MOST_ON_THE_WAY, type Arrival, type OpenSourceOptions, type Source } from './source.js';

const CONNECT_TIMEOUT_MS = 5000;
/** A dead server is noticed within ten seconds. */
const LIVENESS = { pingInterval: 5000, maxPingOut: 2 };

/** A stream of JetStream: a log whose messages are numbered. How far all is settled is kept as a checkpoint. */
export async function openNats({ url, topic, checkpoints }: OpenSourceOptions): Promise<Source> {
  const connection = await connect({ ...LIVENESS, ...serverOf(url), timeout: CONNECT_TIMEOUT_MS, reconnect: false });
  try {
    const manager = await jetstreamManager(connection, { timeout: CONNECT_TIMEOUT_MS });
    const { created } = await streamOf(manager, topic);
    // A stream that was deleted and made again counts from 1.
    const options = { partition: `${topic} of ${created}`, capacity: MOST_ON_THE_WAY };
    return new NatsSource(connection, manager, topic, await checkpoints.open('broker/nats', options));
  } catch (error) {
    await connection.close();
    throw error;
  }
}

class NatsSource implements Source {
  constructor(
    private readonly connection: NatsConnection,
    private readonly manager: JetStreamManager,
    private readonly stream: string,
    private readonly checkpoint: CheckpointStream,
  ) {}

  async *arrivals(signal: AbortSignal): AsyncIterable<Arrival> {
    const messages = await this.after(this.checkpoint.committed ?? 0);
    signal.addEventListener('abort', () => messages.stop(), { once: true });
    if (signal.aborted) return;
    for await (const message of messages) {
      const settled = await this.checkpoint.track(message.seq, { signal });
      const header = (name: string): string => message.headers?.get(name) ?? '';
      yield { id: header('Nats-Msg-Id'), key: header('turnpike-key'), body: message.string(), settled };
    }
    if (!signal.aborted) throw (await this.connection.closed()) ?? new Error('The connection was closed.');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection.close();
    await this.checkpoint[Symbol.asyncDispose]();
  }

  private async after(position: number): Promise<ConsumerMessages> {
    const { consumers } = this.manager.jetstream();
    const consumer = await consumers.get(this.stream, {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: position + 1,
    });
    const messages = await consumer.consume({ abort_on_missing_resource: true });
    void this.connection.closed().then(() => messages.stop());
    return messages;
  }
}

async function streamOf(manager: JetStreamManager, name: string): Promise<StreamInfo> {
  try {
    return await manager.streams.info(name);
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.code !== JetStreamApiCodes.StreamNotFound) throw error;
    return manager.streams.add({ name, subjects: [name] }); // the same again, where another process was faster
  }
}

/** A name without a password is a token. */
function serverOf(text: string): NodeConnectionOptions {
  const { host, protocol, username, password } = new URL(text);
  const user = decodeURIComponent(username);
  const login = password ? { user, pass: decodeURIComponent(password) } : user ? { token: user } : {};
  return { servers: host, ...login, ...(protocol === 'tls:' ? { tls: {} } : {}) };
}
