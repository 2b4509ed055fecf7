/** First in, first out, in constant time; what was taken can be put back in front. A ring that grows, and keeps its room. */
export class Fifo<T> {
  private items: (T | undefined)[] = [];
  private head = 0;
  private count = 0;

  get length(): number {
    return this.count;
  }

  peek(): T | undefined {
    return this.items[this.head];
  }

  push(item: T): void {
    if (this.count === this.items.length) this.grow();
    this.items[this.slot(this.count)] = item;
    this.count += 1;
  }

  shift(): T | undefined {
    if (this.count === 0) return undefined;
    const item = this.items[this.head];
    this.items[this.head] = undefined; // it may outlive its turn by far, and must not be kept
    this.head = this.slot(1);
    this.count -= 1;
    return item;
  }

  unshift(item: T): void {
    if (this.count === this.items.length) this.grow();
    this.head = this.slot(this.items.length - 1);
    this.items[this.head] = item;
    this.count += 1;
  }

  /** Takes all that is left, in order, and gives the room back. */
  clear(): T[] {
    const left = Array.from({ length: this.count }, (_, at) => this.items[this.slot(at)] as T);
    this.items = [];
    this.head = this.count = 0;
    return left;
  }

  /** Sizes are powers of two: a remainder is a mask. */
  private slot(at: number): number {
    return (this.head + at) & (this.items.length - 1);
  }

  private grow(): void {
    const room: (T | undefined)[] = [];
    room.length = Math.max(4, 2 * this.count);
    for (let at = 0; at < this.count; at += 1) room[at] = this.items[this.slot(at)];
    this.items = room;
    this.head = 0;
  }
}
