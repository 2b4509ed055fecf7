export type Row = readonly (string | number | bigint | null | undefined)[];

/** Columns apart, so wide. */
const GAP = '  ';

/**
 * Lines of aligned columns; numbers to the right. On a terminal of `width` columns, lines that are longer are cut. What the
 * cells have of control characters is shown as escapes: a message's text must not steer the terminal.
 */
export function formatTable(header: readonly string[], rows: readonly Row[], width = Infinity): string[] {
  const cells = [header, ...rows.map((row) => row.map(cellOf))];
  const widths = header.map((_, column) => Math.max(...cells.map((row) => lengthOf(row[column] ?? ''))));
  const toTheRight = header.map(
    (_, column) => rows.length > 0 && rows.every((row) => ['number', 'bigint'].includes(typeof row[column])),
  );
  return cells.map((row) =>
    cut(
      row
        .map((cell, column) => {
          const room = ' '.repeat((widths[column] ?? 0) - lengthOf(cell));
          return toTheRight[column] ? room + cell : cell + room;
        })
        .join(GAP)
        .trimEnd(),
      width,
    ),
  );
}

/** One line, without what would steer a terminal. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (char) => {
    const short = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[char];
    return short ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

function cellOf(value: Row[number]): string {
  return value === null || value === undefined ? '-' : printable(String(value));
}

function lengthOf(text: string): number {
  return charsOf(text).length;
}

/** Whole code points. */
function charsOf(text: string): string[] {
  return Array.from(text);
}

function cut(line: string, width: number): string {
  const chars = charsOf(line);
  return chars.length <= width ? line : `${chars.slice(0, Math.max(0, width - 1)).join('')}…`;
}
