import { Injectable, Logger, type MessageEvent, type OnModuleDestroy } from '@nestjs/common';
import {
  catchError,
  EMPTY,
  exhaustMap,
  from,
  map,
  ReplaySubject,
  share,
  Subject,
  takeUntil,
  timer,
  type Observable,
} from 'rxjs';
import { StoryReader } from './story.reader.js';

const READ_MS = 200;

/** How things stand, a few times a second, as long as anyone looks. All who look share the reading. */
@Injectable()
export class StoryFeed implements OnModuleDestroy {
  private readonly logger = new Logger(StoryFeed.name);
  private readonly stopped = new Subject<void>();
  private failed = false;
  readonly events: Observable<MessageEvent>;

  constructor(reader: StoryReader) {
    this.events = timer(0, READ_MS).pipe(
      exhaustMap(() => from(this.tryTo(() => reader.read())).pipe(catchError(() => EMPTY))),
      map((state) => ({ data: state })),
      share({ connector: () => new ReplaySubject(1) }),
      takeUntil(this.stopped),
    );
  }

  /** Ends what pages listen to: the server waits for it. */
  onModuleDestroy(): void {
    this.stopped.next();
  }

  /** A database that is away is said once. */
  private async tryTo<R>(read: () => Promise<R>): Promise<R> {
    try {
      const result = await read();
      this.failed = false;
      return result;
    } catch (error) {
      if (!this.failed) this.logger.warn(`The story cannot be read, and is tried again: ${String(error)}`);
      this.failed = true;
      throw error;
    }
  }
}
