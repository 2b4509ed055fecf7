// Prints `N passed, N failed` over the reports of vitest's JSON reporter, after the names of those that failed or were
// skipped, and exits 1 when one failed. A report that is not there counts nothing: the run ended before it.
//
//   node .ci/sum-up.mjs <report.json>...

import { existsSync, readFileSync } from 'node:fs';

const reports = process.argv.slice(2).filter((path) => existsSync(path));
const files = reports.flatMap((path) => JSON.parse(readFileSync(path, 'utf8')).testResults);
const tests = files.flatMap((file) => file.assertionResults);
// A file that breaks before its first test has a failure and no tests.
const broken = files.filter((file) => file.status === 'failed' && !file.assertionResults.some(isFailed));
const failed = [...tests.filter(isFailed).map((test) => test.fullName), ...broken.map((file) => file.name)];
const skipped = tests.filter((test) => !isFailed(test) && test.status !== 'passed');

function isFailed(test) {
  return test.status === 'failed';
}

for (const test of skipped) console.log(`skipped: ${test.fullName}`);
for (const name of failed) console.log(`failed: ${name}`);
console.log(`${tests.length - skipped.length - tests.filter(isFailed).length} passed, ${failed.length} failed`);
process.exitCode = failed.length === 0 ? 0 : 1;
