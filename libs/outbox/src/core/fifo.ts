/** First in, first out, in constant time; what was taken can be put back in front. */
export class Fifo<T> {
  private items: (T | undefined)[] = [];
  private head = 0;

  get length(): number {
    return this.items.length - this.head;
  }

  peek(): T | undefined {
    return this.items[this.head];
  }

  push(item: T): void {
    this.items.push(item);
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.items[this.head];
    this.items[this.head] = undefined; // it may outlive its turn by far, and must not be kept
    this.head += 1;
    if (this.head === this.items.length) this.items.length = this.head = 0;
    else if (this.head > 1024 && this.head * 2 > this.items.length) this.compact();
    return item;
  }

  unshift(item: T): void {
    if (this.head === 0) this.items.unshift(item);
    else this.items[(this.head -= 1)] = item;
  }

  /** Takes all that is left, in order. */
  clear(): T[] {
    const left = this.items.slice(this.head) as T[];
    this.items = [];
    this.head = 0;
    return left;
  }

  private compact(): void {
    this.items = this.items.slice(this.head);
    this.head = 0;
  }
}
