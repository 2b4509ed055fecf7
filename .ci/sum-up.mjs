// Prints `N passed, N failed` over the reports of vitest's JSON reporter, after the names of the tests that were skipped.
// A report that is not there counts nothing: the run ended before it.
//
//   node .ci/sum-up.mjs <report.json>...

import { existsSync, readFileSync } from 'node:fs';

const reports = process.argv.slice(2).filter((path) => existsSync(path));
const files = reports.flatMap((path) => JSON.parse(readFileSync(path, 'utf8')).testResults);
const tests = files.flatMap((file) => file.assertionResults);
// A file that breaks before its first test has a failure and no tests.
const broken = files.filter((file) => file.status === 'failed' && !file.assertionResults.some(isFailed));

function isFailed(test) {
  return test.status === 'failed';
}

for (const test of tests.filter((test) => !['passed', 'failed'].includes(test.status))) {
  console.log(`${test.status}: ${test.fullName}`);
}
const passed = tests.filter((test) => test.status === 'passed').length;
console.log(`${passed} passed, ${tests.filter(isFailed).length + broken.length} failed`);
