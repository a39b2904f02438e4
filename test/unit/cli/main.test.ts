import { quotingHint } from '../../../cli/main';

const isFile = (path: string): boolean => path === 'my last film.blend';

test('quotingHint names the file whose path the shell has split', () => {
  const argv = ['render', 'my', 'last', 'film.blend', '--frames', '1-3'];
  expect(quotingHint(argv, isFile)).toBe('"my last film.blend" is one file: put its path in quotes');
});

test('quotingHint gives the rule if no file is found', () => {
  expect(quotingHint(['render', 'a.blend', 'b.blend'], isFile)).toBe(
    'a path with spaces needs quotes: "my film.blend"',
  );
});
