import { type ClosedCheckpoint } from './core/checkpoint-stream.js';

/** What the app watches of a stream, whatever its positions are. */
export interface OpenStream {
  readonly stream: string;
  readonly partition: string;
  /** The position that was saved last, as JSON; undefined when none ever was. */
  readonly committed: unknown;
  readonly pending: number;
  readonly oldestUnresolvedMs: number;
  readonly failures: number;
  close(): Promise<ClosedCheckpoint<unknown>>;
}

/** Begins to watch the streams of one name, which come and go; returns how to end it. */
export type Watch = (stream: string, partitions: ReadonlySet<OpenStream>) => () => void;

/** The streams that are open in this app, by name: each name is watched while one of its partitions is open. */
export class OpenStreams implements Iterable<OpenStream> {
  private readonly byName = new Map<string, { readonly partitions: Set<OpenStream>; readonly end: () => void }>();

  constructor(private readonly watch: Watch) {}

  *[Symbol.iterator](): Iterator<OpenStream> {
    for (const { partitions } of this.byName.values()) yield* partitions;
  }

  add(opened: OpenStream): void {
    const { stream } = opened;
    const known = this.byName.get(stream);
    if (known) return void known.partitions.add(opened);
    const partitions = new Set([opened]);
    this.byName.set(stream, { partitions, end: this.watch(stream, partitions) });
  }

  delete(ended: OpenStream): void {
    const known = this.byName.get(ended.stream);
    if (!known?.partitions.delete(ended) || known.partitions.size > 0) return;
    this.byName.delete(ended.stream);
    known.end();
  }
}
