/**
 * How many of `parts` belong to the member `me`: everyone gets `floor(parts / members)`, and the first
 * `parts mod members` members, by id, one more. All members come to the same answer without asking each other.
 */
export function fairShare(parts: number, members: readonly string[], me: string): number {
  const sorted = [...new Set([...members, me])].toSorted();
  const least = Math.floor(parts / sorted.length);
  return sorted.indexOf(me) < parts % sorted.length ? least + 1 : least;
}
