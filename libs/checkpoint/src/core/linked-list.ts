/** What a list's nodes carry; a node is in one list at a time. */
export interface Linked<Node> {
  previous: Node | undefined;
  next: Node | undefined;
}

/** A list whose nodes know their neighbours, so that any one of them is taken out in O(1), without being searched. */
export class LinkedList<Node extends Linked<Node>> {
  first: Node | undefined;
  last: Node | undefined;

  append(node: Node): void {
    node.previous = this.last;
    if (this.last) this.last.next = node;
    else this.first = node;
    this.last = node;
  }

  /** The node forgets its neighbours too: one that is still referenced keeps nothing else alive. */
  remove(node: Node): void {
    const { previous, next } = node;
    if (previous) previous.next = next;
    else this.first = next;
    if (next) next.previous = previous;
    else this.last = previous;
    node.previous = node.next = undefined;
  }
}
