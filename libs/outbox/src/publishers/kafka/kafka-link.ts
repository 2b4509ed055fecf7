import type { Producer, ProducerOptions } from '@platformatic/kafka';
import type { Connection } from '../lazy-connection.js';
import type { KafkaRecord } from './kafka-record.js';

export type KafkaProducerOptions = ProducerOptions<string, Buffer, string, string>;

/** An idempotent producer, until its first failure. */
export class KafkaLink implements Connection {
  alive = true;

  private constructor(private readonly producer: Producer<string, Buffer, string, string>) {}

  static async open(options: KafkaProducerOptions): Promise<KafkaLink> {
    const { Producer, stringSerializer } = await import('@platformatic/kafka');
    const serializers = {
      key: (key?: string) => stringSerializer(key),
      value: (value?: Buffer) => value,
      headerKey: stringSerializer,
      headerValue: stringSerializer,
    };
    const producer = new Producer<string, Buffer, string, string>({ ...options, serializers });
    // A connection whose login was refused may fail once more when the broker ends it: unheard, that would end the process.
    producer.on('client:broker:failed', ({ connection }) => connection?.on('error', () => undefined));
    return new KafkaLink(producer);
  }

  /**
   * Resolves when all in-sync replicas have them all. One call at a time: the client numbers the records of a partition by the
   * calls that have ended, and Kafka drops those of a number that it knows as repetitions.
   */
  async send(records: readonly KafkaRecord[]): Promise<void> {
    try {
      await this.producer.send({ messages: [...records] });
    } catch (error) {
      await this.close(); // what Kafka has numbered by now is not known
      throw error;
    }
  }

  async close(): Promise<void> {
    this.alive = false;
    // An error would say that it was closed already.
    await new Promise<void>((resolve) => this.producer.close(true, () => resolve()));
  }
}
