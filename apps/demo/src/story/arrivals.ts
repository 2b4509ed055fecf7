/** What is known of a customer's deliveries. */
export interface Arrived {
  readonly customerId: string;
  readonly number: number;
}

/** Watches the sequence of deliveries for what must not happen. */
export class Arrivals {
  /** By customer: the highest number that was delivered. */
  readonly last = new Map<string, number>();
  disorders = 0;
  repeats = 0;

  /** What was delivered before anyone watched: how many, and the highest number. */
  begin(customerId: string, count: number, highest: number): void {
    this.last.set(customerId, highest);
    this.disorders += Math.max(0, highest - count);
    this.repeats += Math.max(0, count - highest);
  }

  add({ customerId, number }: Arrived): void {
    const last = this.last.get(customerId) ?? 0;
    if (number <= last) this.repeats += 1;
    else if (number > last + 1) this.disorders += 1;
    this.last.set(customerId, Math.max(last, number));
  }
}
