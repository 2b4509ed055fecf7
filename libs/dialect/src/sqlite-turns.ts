import { AsyncLocalStorage, executionAsyncId } from 'node:async_hooks';

/** No turn has this id: node numbers them from 0. */
const BY_RUN = -1;

/** Code that runs inside a transaction, found again through every await. `holder` is set while its transaction is open. */
export interface Frame<Holder extends object> {
  holder: Holder | undefined;
  /** Where an `enter` happened: code of the same turn is beside the transaction, not inside it. */
  readonly enteredBy: number;
  readonly parent: Frame<Holder> | undefined;
}

/**
 * The one connection of a SQLite DataSource, handed to one holder (a QueryRunner) at a time, in the order of asking.
 *
 * States: free, or held by one holder with others waiting. A holder asks with `take`, and holds until `pass`.
 */
export class SqliteTurns<Holder extends object> {
  private readonly waiting: { readonly holder: Holder; readonly grant: () => void }[] = [];
  private readonly context = new AsyncLocalStorage<Frame<Holder>>();
  private current: Holder | undefined;

  holds(holder: Holder): boolean {
    return this.current === holder;
  }

  /** Resolves when `holder` has the connection. */
  async take(holder: Holder): Promise<void> {
    if (this.current === undefined) {
      this.current = holder;
      return;
    }
    await new Promise<void>((grant) => {
      this.waiting.push({ holder, grant });
    });
  }

  /** Hands the connection to the one who has waited longest. */
  pass(): void {
    const next = this.waiting.shift();
    this.current = next?.holder;
    next?.grant();
  }

  /** True when the caller runs inside the transaction of the present holder, and `asking` is another one. */
  wouldWaitForItself(asking: Holder): boolean {
    for (let frame = this.context.getStore(); frame; frame = frame.parent) {
      if (frame.holder !== undefined && frame.holder === this.current) {
        return frame.holder !== asking && frame.enteredBy !== executionAsyncId();
      }
    }
    return false;
  }

  /** Runs `work` in a frame of its own: exactly what `work` calls is inside the transaction that it will open. */
  run<R>(work: () => R): R {
    return this.context.run(this.frame(BY_RUN), work);
  }

  /** The frame that `run` opened and whose transaction has not begun yet, or else a new one for the rest of this turn. */
  enter(holder: Holder): Frame<Holder> {
    const around = this.context.getStore();
    if (around?.enteredBy === BY_RUN && around.holder === undefined) {
      around.holder = holder;
      return around;
    }
    const frame = this.frame(executionAsyncId());
    frame.holder = holder;
    this.context.enterWith(frame);
    return frame;
  }

  private frame(enteredBy: number): Frame<Holder> {
    let parent = this.context.getStore();
    // Frames of ended transactions are dropped here, or a loop of transactions would chain them without end; and a frame
    // entered in this same turn belongs to a sibling.
    while (parent && (parent.holder === undefined || parent.enteredBy === executionAsyncId())) parent = parent.parent;
    return { holder: undefined, enteredBy, parent };
  }
}
