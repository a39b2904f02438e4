// `npm run test:heavy [-- PART…]`: all tests that have heavy tests among them, with the heavy tests of these parts of
// test/heavy.json, or of all. The gate does so for parts whose paths have changed.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const parts = process.argv.slice(2);
const environment = { ...process.env, SPOTREEL_HEAVY: parts.join(',') || 'all' };

const heavyFiles = ['infra', 'integration', 'pixels']
  .flatMap((folder) => readdirSync(join(root, 'test', folder)).map((name) => `test/${folder}/${name}`))
  .filter((path) => path.endsWith('.test.ts') && isHeavy(path));

run('scripts/setup.mjs', '--tests');
run('node_modules/jest/bin/jest.js', ...heavyFiles);

/** Whether a test's file has heavy tests of these parts. */
function isHeavy(path) {
  const text = readFileSync(join(root, path), 'utf8');
  const named = [...text.matchAll(/(?:fewOrAll|runsHeavy)\(\s*'([^']+)'/g)].map(([, part]) => part);
  return parts.length === 0 ? named.length > 0 : named.some((part) => parts.includes(part));
}

function run(...args) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, env: environment, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
