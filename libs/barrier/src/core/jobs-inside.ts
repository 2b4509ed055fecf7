/**
 * The jobs of one key that entered and have not left. Those that came while the key had no order are told apart: they
 * keep the key known, but do not count against the key threshold, or a key would lose its order again at once.
 */
export class JobsInside<JobId> {
  private readonly ordered = new Set<JobId>();
  private unordered: Set<JobId> | undefined;

  get empty(): boolean {
    return this.ordered.size === 0 && !this.unordered?.size;
  }

  /** Whether a job would come on top of `threshold` others. */
  crowded(threshold: number, jobId: JobId): boolean {
    return this.ordered.size >= threshold && !this.ordered.has(jobId);
  }

  enter(jobId: JobId): void {
    this.unordered?.delete(jobId);
    this.ordered.add(jobId);
  }

  enterUnordered(jobId: JobId): void {
    this.ordered.delete(jobId);
    (this.unordered ??= new Set()).add(jobId);
  }

  leave(jobId: JobId): void {
    this.ordered.delete(jobId);
    this.unordered?.delete(jobId);
  }

  /** The key loses its order, and so do the jobs inside. */
  loseOrder(): void {
    for (const jobId of this.ordered) this.enterUnordered(jobId);
  }

  *[Symbol.iterator](): Iterator<JobId> {
    yield* this.ordered;
    if (this.unordered) yield* this.unordered;
  }
}
