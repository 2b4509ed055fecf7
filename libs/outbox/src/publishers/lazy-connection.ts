import { PublisherUnavailableError } from '../outbox.errors.js';

export interface Connection {
  /** False once it is lost: it does not come back. */
  readonly alive: boolean;
  close(): Promise<void>;
}

type State<C> =
  | { readonly kind: 'idle' }
  | { readonly kind: 'opening'; readonly opening: Promise<C> }
  | { readonly kind: 'open'; readonly connection: C }
  | { readonly kind: 'closed' };

/**
 * One connection at a time: opened by the first call that needs it, kept, and opened anew by the first call after it was lost.
 * There is no loop that reconnects by itself: the relay pauses a destination that is away, and each of its probes is a try.
 */
export class LazyConnection<C extends Connection> {
  private state: State<C> = { kind: 'idle' };

  constructor(private readonly open: () => Promise<C>) {}

  /** Calls that ask while it is being opened share the outcome. Rejects with what `open` rejects with. */
  async get(): Promise<C> {
    const { state } = this;
    if (state.kind === 'closed')
      throw new PublisherUnavailableError('The publisher was closed: the app is shutting down.');
    if (state.kind === 'opening') return state.opening;
    return state.kind === 'open' && state.connection.alive ? state.connection : this.begin();
  }

  /** Ends the connection, also one that is only being opened. There is none afterwards. */
  async close(): Promise<void> {
    const { state } = this;
    this.state = { kind: 'closed' };
    if (state.kind === 'open') await state.connection.close();
    const opened = state.kind === 'opening' && (await state.opening.catch(() => undefined)); // it did not open
    if (opened) await opened.close();
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
