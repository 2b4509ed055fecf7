import { expect, it } from 'vitest';
import { type Linked, LinkedList } from './linked-list.js';

class Node implements Linked<Node> {
  previous: Node | undefined;
  next: Node | undefined;
  constructor(readonly name: string) {}
}

class Letters extends LinkedList<Node> {
  readonly nodes = ['a', 'b', 'c'].map((name) => new Node(name));

  constructor() {
    super();
    for (const node of this.nodes) this.append(node);
  }

  removeAll(names: string): void {
    for (const name of names) for (const node of this.nodes) if (node.name === name) this.remove(node);
  }

  override toString(): string {
    let [forwards, backwards] = ['', ''];
    for (let node = this.first; node; node = node.next) forwards += node.name;
    for (let node = this.last; node; node = node.previous) backwards += node.name;
    return `${forwards} ${backwards}`;
  }
}

it.each([
  ['a', 'bc cb', 'bcd dcb'],
  ['b', 'ac ca', 'acd dca'],
  ['c', 'ab ba', 'abd dba'],
  ['ab', 'c c', 'cd dc'],
  ['cab', ' ', 'd d'],
])('takes out %s and goes on', (taken, rest, andOneMore) => {
  const list = new Letters();
  list.removeAll(taken);
  expect(String(list)).toBe(rest);
  list.append(new Node('d'));
  expect(String(list)).toBe(andOneMore);
});

it('leaves a node that was taken out nothing that it could keep alive', () => {
  const list = new Letters();
  list.removeAll('b');
  expect([list.nodes[1]?.previous, list.nodes[1]?.next]).toEqual([undefined, undefined]);
});
