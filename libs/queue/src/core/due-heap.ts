/** Something that is due at a time; of one time, the lowest id comes first. */
export interface Due {
  readonly id: number;
  availableAtMs: number;
}

/**
 * A binary heap that knows where each of its members is, so that one can be moved or removed. Every operation takes
 * O(log n) steps, and `first` one.
 */
export class DueHeap<Member extends Due> {
  private readonly members: Member[] = [];
  private readonly places = new Map<Member, number>();

  get first(): Member | undefined {
    return this.members[0];
  }

  add(member: Member): void {
    this.put(member, this.members.length);
    this.rise(member);
  }

  /** Call it instead of writing `availableAtMs`. */
  move(member: Member, availableAtMs: number): void {
    member.availableAtMs = availableAtMs;
    this.rise(member);
    this.sink(member);
  }

  remove(member: Member): void {
    const last = this.members.pop() as Member;
    const place = this.places.get(member) as number;
    this.places.delete(member);
    if (last === member) return;
    this.put(last, place);
    this.rise(last);
    this.sink(last);
  }

  private rise(member: Member): void {
    let place = this.places.get(member) as number;
    while (place > 0) {
      const above = (place - 1) >>> 1;
      const other = this.members[above] as Member;
      if (!isBefore(member, other)) break;
      this.put(other, place);
      place = above;
    }
    this.put(member, place);
  }

  private sink(member: Member): void {
    let place = this.places.get(member) as number;
    for (;;) {
      const below = this.firstBelow(place);
      const other = this.members[below];
      if (!other || !isBefore(other, member)) break;
      this.put(other, place);
      place = below;
    }
    this.put(member, place);
  }

  private firstBelow(place: number): number {
    const [left, right] = [this.members[2 * place + 1], this.members[2 * place + 2]];
    return left && right && isBefore(right, left) ? 2 * place + 2 : 2 * place + 1;
  }

  private put(member: Member, place: number): void {
    this.members[place] = member;
    this.places.set(member, place);
  }
}

function isBefore(one: Due, other: Due): boolean {
  return one.availableAtMs < other.availableAtMs || (one.availableAtMs === other.availableAtMs && one.id < other.id);
}
