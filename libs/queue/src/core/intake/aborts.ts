/**
 * Calls back when a signal aborts. However many wait on one signal, it has one listener: node takes eleven for a leak and
 * warns, and to remove one of many it searches for it.
 */
export class Aborts {
  private readonly waiting = new Map<AbortSignal, Set<() => void>>();

  /** Returns how to wait no longer. The signal must not be aborted yet. */
  on(signal: AbortSignal, aborted: () => void): () => void {
    const all = this.waiting.get(signal) ?? this.listenTo(signal);
    all.add(aborted);
    return () => {
      all.delete(aborted);
      if (all.size === 0) this.leave(signal);
    };
  }

  private listenTo(signal: AbortSignal): Set<() => void> {
    const all = new Set<() => void>();
    this.waiting.set(signal, all);
    signal.addEventListener('abort', this.aborted);
    return all;
  }

  private leave(signal: AbortSignal): void {
    this.waiting.delete(signal);
    signal.removeEventListener('abort', this.aborted);
  }

  private readonly aborted = (event: Event): void => {
    const signal = event.target as AbortSignal;
    const all = this.waiting.get(signal) ?? [];
    this.leave(signal);
    for (const aborted of all) aborted();
  };
}
