import { PostgresListener } from 'nestjs-turnpike/dialect';
import type { DataSource } from 'typeorm';

interface Watcher {
  readonly section: string;
  readonly listener: () => void;
}

/** Calls watchers when something happened in their section. One connection for all of them, open while there are any. */
export class PostgresWatch {
  private readonly watchers = new Set<Watcher>();
  private connection: PostgresListener | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly channel: string,
  ) {}

  add(section: string, listener: () => void): () => Promise<void> {
    const watcher = { section, listener };
    this.watchers.add(watcher);
    this.connection ??= new PostgresListener(this.dataSource, this.channel, (named) => this.tell(named));
    return () => this.remove(watcher);
  }

  private tell(section: string | undefined): void {
    for (const watcher of this.watchers) {
      if (section === undefined || section === watcher.section) watcher.listener();
    }
  }

  private async remove(watcher: Watcher): Promise<void> {
    this.watchers.delete(watcher);
    const { connection } = this;
    if (this.watchers.size > 0 || !connection) return;
    this.connection = undefined;
    await connection.close();
  }
}
