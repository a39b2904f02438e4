import { posix } from 'node:path';
import { filesNeededBy, importCycles, importGraph } from '../../scripts/import-graph';
import { sourceFiles } from '../support/source-files';

const SOURCE_FOLDERS = ['bin', 'cli', 'container', 'core', 'lambda', 'lib'];

test('source files import each other without cycles', () => {
  expect(importCycles(importGraph(sourceFiles(SOURCE_FOLDERS, ['.ts'])))).toEqual([]);
});

/** Source files without their endings, and all folders that they are in. */
const SOURCES = new Set(
  sourceFiles([...SOURCE_FOLDERS, 'scripts', 'test/chaos'], ['.ts', '.mjs', '.py', '.pl', '.sh']).flatMap(
    ({ path }) => {
      const withoutEnding = path.slice(0, -posix.extname(path).length);
      return [withoutEnding, ...parentsOf(path)];
    },
  ),
);

function parentsOf(path: string): string[] {
  const parent = posix.dirname(path);
  return parent === '.' ? [] : [parent, ...parentsOf(parent)];
}

/** Whether a test is about a source file or folder of its path, such as `a/b.test.ts` or `a/b-more.test.ts` of `a/b.ts`. */
function mirrorsSource(path: string): boolean {
  const tested = path.replace(/^test\/unit\//, '').replace(/\.test\.ts$/, '');
  const parts = posix.basename(tested).split('-');
  return parts.some((_, index) => {
    const name = posix.join(posix.dirname(tested), parts.slice(0, index + 1).join('-'));
    // Tests of the test tools mirror the folder test/.
    return SOURCES.has(name) || SOURCES.has(`test/${name}`);
  });
}

test('each unit test has the path of the source file or folder that it tests', () => {
  const tests = sourceFiles(['test/unit'], ['.test.ts']).map(({ path }) => path);
  expect(tests.length).toBeGreaterThan(100);
  expect(tests.filter((path) => !mirrorsSource(path))).toEqual([]);
});

test('a unit test elsewhere than its source file does not mirror the source tree', () => {
  expect(['test/unit/core/text.test.ts', 'test/unit/core/jobs/text.test.ts'].map(mirrorsSource)).toEqual([
    true,
    false,
  ]);
});

describe('the import graph', () => {
  const graphOf = (texts: Readonly<Record<string, string>>) =>
    importGraph(Object.entries(texts).map(([path, text]) => ({ path, text })));

  test('includes imports of values and types, re-exports and dynamic imports', () => {
    const graph = graphOf({
      'a/one.ts':
        "import {\n  b,\n} from './two';\nimport type { C } from '../c';\nexport * from './four';\n",
      'a/two.ts': "const c = await import('../c');\n",
      'a/four.ts': '',
      'c.ts': "import z from 'zod';\n",
    });
    expect(Object.fromEntries(graph)).toEqual({
      'a/one.ts': ['a/two.ts', 'c.ts', 'a/four.ts'],
      'a/two.ts': ['c.ts'],
      'a/four.ts': [],
      'c.ts': [],
    });
  });

  const CHAIN = { 'a.ts': "import './b';", 'b.ts': "import './c';", 'c.ts': '', 'd.ts': "import './a';" };

  test('counts a file and everything that it imports', () => {
    expect([...filesNeededBy('a.ts', graphOf(CHAIN))]).toEqual(['a.ts', 'b.ts', 'c.ts']);
  });

  test('refuses to count an unknown file', () => {
    expect(() => filesNeededBy('x.ts', graphOf(CHAIN))).toThrow('x.ts is not a source file');
  });

  test('has no cycle in a chain', () => {
    expect(importCycles(graphOf(CHAIN))).toEqual([]);
  });

  test('finds a cycle', () => {
    expect(importCycles(graphOf({ ...CHAIN, 'c.ts': "import type { A } from './a';" }))).toEqual([
      ['a.ts', 'b.ts', 'c.ts'],
    ]);
  });
});
