// The order of jest's test files: the longest first, so that both cores are busy to the end. Their times are kept from run
// to run; the time of a new file is estimated from its kind and size.
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const cache = fileURLToPath(new URL('../node_modules/.cache/spotreel-tests/seconds.json', import.meta.url));

/** From the longest to the shortest. */
const KINDS = [
  'test/pixels/pixels.test.ts',
  'test/integration/',
  'test/infra/',
  'test/contract/',
  'test/unit/',
];

export default class LongestFirst {
  sort(tests) {
    const known = secondsOf();
    const rank = (path) => {
      const kind = KINDS.findIndex((start) => path.startsWith(start));
      return kind < 0 ? KINDS.length : kind;
    };
    const rows = tests.map((test) => {
      const path = relative(root, test.path).replaceAll('\\', '/');
      return { test, kind: rank(path), seconds: known[path] ?? Infinity, size: statSync(test.path).size };
    });
    const byLength = (a, b) => a.kind - b.kind || compare(b.seconds, a.seconds) || b.size - a.size;
    return rows.toSorted(byLength).map(({ test }) => test);
  }

  cacheResults(_tests, { testResults }) {
    const known = secondsOf();
    for (const { testFilePath, perfStats } of testResults) {
      if (perfStats.runtime)
        known[relative(root, testFilePath).replaceAll('\\', '/')] = perfStats.runtime / 1000;
    }
    mkdirSync(dirname(cache), { recursive: true });
    writeFileSync(cache, JSON.stringify(known));
  }

  allFailedTests(tests) {
    return tests;
  }

  shard(tests, { shardIndex, shardCount }) {
    return tests.filter((_, index) => index % shardCount === shardIndex - 1);
  }
}

/** Also of two files that have not run yet. */
function compare(a, b) {
  return a === b ? 0 : a - b;
}

function secondsOf() {
  try {
    return JSON.parse(readFileSync(cache, 'utf8'));
  } catch {
    return {};
  }
}
