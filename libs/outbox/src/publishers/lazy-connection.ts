import { PublisherUnavailableError } from '../outbox.errors.js';

type State<C> =
  | { readonly kind: 'idle' }
  | { readonly kind: 'opening'; readonly opening: Promise<C> }
  | { readonly kind: 'open'; readonly connection: C }
  | { readonly kind: 'closed' };

/**
 * One connection at a time: opened by the first call that needs it, kept, and opened anew by the first call after it was lost.
 * There is no loop that reconnects by itself: the relay pauses a destination that is away, and each of its probes is a try.
 */
export class LazyConnection<C> {
  private state: State<C> = { kind: 'idle' };

  constructor(
    private readonly open: () => Promise<C>,
    private readonly end: (connection: C) => Promise<void>,
  ) {}

  /** Calls that ask while it is being opened share the outcome. Rejects with what `open` rejects with. */
  async get(): Promise<C> {
    const { state } = this;
    if (state.kind === 'open') return state.connection;
    if (state.kind === 'opening') return state.opening;
    if (state.kind === 'idle') return this.begin();
    throw new PublisherUnavailableError('The publisher was closed: the app is shutting down.');
  }

  /** The next call opens another one. A connection that is not the current one any more changes nothing. */
  forget(connection: C): void {
    if (this.state.kind === 'open' && this.state.connection === connection) this.state = { kind: 'idle' };
  }

  /** Ends the connection, also one that is only being opened. There is none afterwards. */
  async close(): Promise<void> {
    const { state } = this;
    this.state = { kind: 'closed' };
    if (state.kind === 'open') await this.end(state.connection);
    if (state.kind === 'opening') await state.opening.then(this.end, () => undefined);
  }

  private begin(): Promise<C> {
    const opening = this.open();
    this.state = { kind: 'opening', opening };
    const opened = (next: State<C>): void => {
      if (this.state.kind === 'opening' && this.state.opening === opening) this.state = next;
    };
    opening.then(
      (connection) => opened({ kind: 'open', connection }),
      () => opened({ kind: 'idle' }),
    );
    return opening;
  }
}
