// A reporter for jest: prints the ten slowest test files.
import { relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const MOST = 10;

export default class Slowest {
  onRunComplete(_contexts, { testResults }) {
    if (testResults.length <= MOST) return;
    const rows = testResults
      .map(({ testFilePath, perfStats }) => ({
        path: relative(root, testFilePath),
        seconds: perfStats.runtime / 1000,
      }))
      .toSorted((a, b) => b.seconds - a.seconds)
      .slice(0, MOST)
      .map(({ path, seconds }) => `  ${seconds.toFixed(0).padStart(4)} s  ${path}`);
    process.stdout.write(`\nSlowest test files:\n${rows.join('\n')}\n`);
  }
}
