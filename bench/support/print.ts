import { cpus, totalmem } from 'node:os';
import { type BenchResult } from './bench.js';

/** Numbers mean something on a machine only. */
export function printMachine(): void {
  const [cpu] = cpus();
  const memoryGb = Math.round(totalmem() / 2 ** 30);
  console.log(`${cpu?.model ?? 'unknown processor'}, ${cpus().length} cores, ${memoryGb} GB, node ${process.version}`);
}

export function printLine(name: string, value: number): void {
  console.log(`  ${name.padEnd(28)} ${rounded(value).toLocaleString('en-US').padStart(16)}`);
}

/** Readable lines, and then the one line that a program reads. */
export function printResult(bench: string, result: BenchResult): void {
  const numbers = Object.entries(result).map(([name, value]) => [name, rounded(value)] as const);
  for (const [name, value] of numbers) printLine(name, value);
  console.log(JSON.stringify({ bench, ...Object.fromEntries(numbers) }));
}

function rounded(value: number): number {
  return Math.abs(value) < 1000 ? Math.round(value * 10) / 10 : Math.round(value);
}
