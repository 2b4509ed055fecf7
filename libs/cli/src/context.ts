import { checkTablePrefix, DEFAULT_TABLE_PREFIX } from 'nestjs-turnpike/dialect';
import { OutboxOperator } from 'nestjs-turnpike/outbox';
import type { DataSource } from 'typeorm';
import { InterruptedError, UsageError } from './cli.errors.js';
import { connect, type ConnectFor } from './database/connect.js';
import { Secrets } from './core/secrets.js';
import { Reporter } from './output/reporter.js';
import type { Terminal } from './terminal.js';

/** Options that every command takes, wherever they stand. */
export interface GlobalOptions {
  readonly dataSource?: string;
  readonly name?: string;
  readonly tablePrefix?: string;
  readonly schema?: string;
  readonly json?: boolean;
}

/** What the commands stand on. Each runs in one of the callbacks, which end what they have begun. */
export class Context {
  readonly reporter: Reporter;

  constructor(
    readonly terminal: Terminal,
    readonly options: GlobalOptions,
    private readonly secrets: Secrets,
  ) {
    this.reporter = new Reporter(terminal, options.json ?? false);
  }

  /** What the tables' names begin with. */
  get tablePrefix(): string {
    const { name, tablePrefix } = this.options;
    const prefix = tablePrefix ?? (name === undefined ? DEFAULT_TABLE_PREFIX : `${DEFAULT_TABLE_PREFIX}${name}_`);
    try {
      checkTablePrefix(prefix);
      return prefix;
    } catch (error) {
      throw new UsageError((error as Error).message, { cause: error });
    }
  }

  async withDataSource<R>(work: (dataSource: DataSource) => Promise<R>, what: ConnectFor = {}): Promise<R> {
    const connecting = connect(this.options, this.terminal, this.secrets, what);
    const dataSource = await this.unlessInterrupted(connecting).catch((error: unknown) => {
      void connecting.then((late) => late.destroy()).catch(() => undefined); // it has no user any more
      throw error;
    });
    try {
      return await work(dataSource);
    } finally {
      const { signal } = this.terminal;
      const destroyed = dataSource.destroy();
      // With a statement under way, it would take as long as that.
      if (signal.aborted) destroyed.catch(() => undefined);
      else await destroyed;
    }
  }

  /** As an operator of the outbox; interrupted by Ctrl-C. */
  withOperator<R>(work: (operator: OutboxOperator) => Promise<R>): Promise<R> {
    const { tablePrefix } = this;
    return this.withDataSource((dataSource) =>
      this.unlessInterrupted(
        (async () => {
          const operator = await OutboxOperator.open(dataSource, {
            tablePrefix,
            onError: () => this.reporter.note('The relays could not be told. They will find it when they poll.'),
          });
          const result = await work(operator);
          await operator.close();
          return result;
        })(),
      ),
    );
  }

  /** Rejects with `InterruptedError` as soon as Ctrl-C is pressed. */
  async unlessInterrupted<R>(work: Promise<R>): Promise<R> {
    const { signal } = this.terminal;
    let interrupt: (() => void) | undefined;
    const interrupted = new Promise<never>((_, reject) => {
      interrupt = () => reject(new InterruptedError());
      if (signal.aborted) interrupt();
      signal.addEventListener('abort', interrupt, { once: true });
    });
    work.catch(() => undefined); // when it loses
    try {
      return await Promise.race([work, interrupted]);
    } finally {
      if (interrupt) signal.removeEventListener('abort', interrupt);
    }
  }
}
