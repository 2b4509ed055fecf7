/** The newest `capacity` values, oldest first. */
export class HistoryRing<T> {
  private values: T[] = [];

  constructor(private readonly capacity: number) {}

  add(value: T): void {
    this.values.push(value);
    // Now and then, and not with every one: moving the rest costs more than keeping a few.
    if (this.values.length > this.capacity * 1.5) this.values = this.values.slice(-this.capacity);
  }

  list(): readonly T[] {
    return this.values.slice(-this.capacity);
  }
}
