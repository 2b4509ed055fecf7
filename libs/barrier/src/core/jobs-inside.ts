/**
 * The jobs of one key that entered and have not left. Those that came while the key had no order are told apart: they
 * keep the key known, but do not count against the key threshold, or a key would lose its order again at once.
 *
 * A key mostly has one job inside, so the first one is kept without a set.
 */
export class JobsInside<JobId> {
  private first: JobId | undefined;
  private others: Set<JobId> | undefined;
  private unordered: Set<JobId> | undefined;

  /** How many entered in order. */
  get ordered(): number {
    return (this.first === undefined ? 0 : 1) + (this.others?.size ?? 0);
  }

  get empty(): boolean {
    return this.first === undefined && !this.others?.size && !this.unordered?.size;
  }

  hasOrdered(jobId: JobId): boolean {
    return this.first === jobId || (this.others?.has(jobId) ?? false);
  }

  enter(jobId: JobId): void {
    this.unordered?.delete(jobId);
    if (this.hasOrdered(jobId)) return;
    if (this.first === undefined) this.first = jobId;
    else (this.others ??= new Set()).add(jobId);
  }

  enterUnordered(jobId: JobId): void {
    (this.unordered ??= new Set()).add(jobId);
  }

  leave(jobId: JobId): void {
    if (this.first === jobId) this.first = undefined;
    else if (!this.others?.delete(jobId)) this.unordered?.delete(jobId);
  }

  /** The key loses its order, and so do the jobs inside. */
  loseOrder(): void {
    for (const jobId of this) this.enterUnordered(jobId);
    this.first = this.others = undefined;
  }

  *[Symbol.iterator](): Iterator<JobId> {
    if (this.first !== undefined) yield this.first;
    if (this.others) yield* this.others;
    if (this.unordered) yield* this.unordered;
  }
}
