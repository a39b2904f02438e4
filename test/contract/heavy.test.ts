import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesNeededBy, importGraph } from '../../scripts/import-graph';
import { fewOrAll, HEAVY_PARTS, runsHeavy } from '../support/heavy';
import { ROOT, sourceFiles } from '../support/source-files';

const TESTS = sourceFiles(['test'], ['.test.ts']);

test.each(Object.entries(HEAVY_PARTS))('the paths that call for heavy tests of %s exist', (_, paths) => {
  expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

/** The gate as a whole leaves out a suite that takes minutes to set up. */
const GATE = { path: '.ci/run', text: readFileSync(join(ROOT, '.ci/run'), 'utf8') };

test.each(Object.keys(HEAVY_PARTS))('%s has heavy tests', (part) => {
  const uses = new RegExp(`(?:fewOrAll|runsHeavy)\\(\\s*'${part}'|\\bheavy (?:\\w+ )*${part}\\b`);
  expect([...TESTS, GATE].filter(({ text }) => uses.test(text))).not.toEqual([]);
});

/** Files of the worker that have nothing to do with a container, and with the pictures of a Blender. */
const UNRELATED: ReadonlyArray<readonly [part: string, paths: RegExp]> = [
  ['containers', /^core\/(?:(?:concurrency|errors|json|text)\.ts|(?:cost|report|scene)\/)/],
  ['pixels', /^core\/(?:[\w-]+\.ts|(?:cost|report|storage)\/|jobs\/machine-types\.ts)/],
];

test.each(UNRELATED)('a change of the worker calls for heavy tests of %s', (part, unrelated) => {
  const graph = importGraph(sourceFiles(['container', 'core'], ['.ts']));
  const worker = [...filesNeededBy('container/worker/main.ts', graph)];
  const paths = HEAVY_PARTS[part]!;
  const isCovered = (file: string) =>
    paths.some((path) => file === path || (path.endsWith('/') && file.startsWith(path)));
  expect(worker.filter((file) => !unrelated.test(file) && !isCovered(file))).toEqual([]);
});

test.each(Object.keys(HEAVY_PARTS))('CONTRIBUTING says what is heavy in %s', (part) => {
  expect(readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8')).toMatch(
    new RegExp(`^\\| \`${part}\` +\\|`, 'm'),
  );
});

test('runsHeavy is true only for parts that are named', () => {
  expect(['', 'videos', 'sound,videos', 'all'].map((wanted) => runsHeavy('videos', wanted))).toEqual([
    false,
    true,
    true,
    true,
  ]);
});

test('runsHeavy rejects a part that test/heavy.json lacks', () => {
  expect(() => runsHeavy('nonsense')).toThrow('has no part "nonsense"');
  expect(() => runsHeavy('videos', 'nonsense')).toThrow('has no part "nonsense"');
});

test('fewOrAll keeps the usual rows', () => {
  const rows = fewOrAll('videos', [1, 2, 3], (row) => row > 1);
  expect(rows).toEqual(runsHeavy('videos') ? [1, 2, 3] : [2, 3]);
});
