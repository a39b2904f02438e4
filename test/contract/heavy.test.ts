import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fewOrAll, HEAVY_PARTS, runsHeavy } from '../support/heavy';
import { ROOT, sourceFiles } from '../support/source-files';

const TESTS = sourceFiles(['test'], ['.test.ts']);

test.each(Object.entries(HEAVY_PARTS))('the paths that call for heavy tests of %s exist', (_, paths) => {
  expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

test.each(Object.keys(HEAVY_PARTS))('%s has heavy tests', (part) => {
  const uses = new RegExp(`(?:fewOrAll|runsHeavy)\\(\\s*'${part}'`);
  expect(TESTS.filter(({ text }) => uses.test(text))).not.toEqual([]);
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
