const NUMBER = new Intl.NumberFormat('en');

export function formatCount(count: number): string {
  return NUMBER.format(count);
}

/** `1 dead letter`, `1,200 dead letters`. */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}
