import type { Terminal } from '../terminal.js';
import { formatTable, printable, type Row } from '../core/table.js';

/** How often progress is told where it cannot be overwritten. */
const LINE_EVERY_MS = 5000;

/** Tells results in the one way that was asked for: text for people, or one JSON document. */
export class Reporter {
  private overwriting = false;
  private toldAtMs = -Infinity;

  constructor(
    private readonly terminal: Terminal,
    readonly json: boolean,
  ) {}

  /** The result: `document` with `--json`, else what `people` prints. */
  result(document: unknown, people: () => void): void {
    this.endProgress();
    if (!this.json) return people();
    this.terminal.stdout.write(`${JSON.stringify(document, asJson, 2)}\n`);
  }

  line(text = ''): void {
    this.terminal.stdout.write(`${text}\n`);
  }

  /** `empty` is said in place of a table without rows. */
  table(header: readonly string[], rows: readonly Row[], empty: string): void {
    const { stdout } = this.terminal;
    if (rows.length === 0) return this.line(empty);
    for (const line of formatTable(header, rows, stdout.isTTY ? stdout.columns : undefined)) this.line(line);
  }

  /** Where work is; overwrites itself on a terminal, and is told now and then elsewhere. */
  progress(text: string): void {
    const { stderr } = this.terminal;
    if (this.json) return;
    if (stderr.isTTY) {
      this.overwriting = true;
      stderr.write(`\r\u001b[K${printable(text)}`);
    } else if (performance.now() - this.toldAtMs >= LINE_EVERY_MS) {
      this.toldAtMs = performance.now();
      stderr.write(`${printable(text)}\n`);
    }
  }

  /** What should be known, and stops nothing. */
  note(text: string): void {
    this.endProgress();
    if (!this.json) this.terminal.stderr.write(`${text}\n`);
  }

  error(code: string, message: string): void {
    this.endProgress();
    const text = this.json ? JSON.stringify({ error: { code, message } }) : `Error: ${message}`;
    this.terminal.stderr.write(`${text}\n`);
  }

  private endProgress(): void {
    if (this.overwriting) this.terminal.stderr.write('\r\u001b[K');
    this.overwriting = false;
  }
}

/** 64-bit numbers as text, times as ISO 8601. */
function asJson(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
