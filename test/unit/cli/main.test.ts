import { buildProgram, namedCommand, quotingHint, sceneHint } from '../../../cli/main';

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

test.each([
  [['render', 'status', '--json'], ['render']],
  [['help', 'render'], ['render']],
  [['--', 'render'], ['render']],
  [['--help'], []],
  [[], []],
])('namedCommand of %j is %j', (argv, names) => {
  expect(namedCommand(argv)).toEqual(names);
});

test('buildProgram gives every command a summary, and arguments only to the named one', async () => {
  const { commands } = await buildProgram(async () => undefined, ['render']);
  expect(commands.filter((command) => command.description() === '')).toEqual([]);
  const withArguments = commands.filter(({ registeredArguments }) => registeredArguments.length > 0);
  expect(withArguments.map((command) => command.name())).toEqual(['render']);
});

test('buildProgram loads every command if no names are given', async () => {
  const { commands } = await buildProgram(async () => undefined);
  expect(commands.filter(({ options }) => options.length === 0)).toEqual([]);
});

test('buildProgram ends its help with the first commands to run', async () => {
  const program = await buildProgram(async () => undefined, []);
  let shown = '';
  program.configureOutput({ writeOut: (text) => (shown += text) }).outputHelp();
  expect(shown.trim().split('\n').slice(-4, -1)).toEqual([
    '  spotreel doctor',
    '  spotreel inspect shot.blend',
    '  spotreel render shot.blend',
  ]);
});

test.each([
  ['shot.blend', 'shot.blend is a scene: name a command before it, such as: spotreel render shot.blend'],
  [
    'my film.blend',
    'my film.blend is a scene: name a command before it, such as: spotreel render "my film.blend"',
  ],
  ['redner', undefined],
])('sceneHint advises %j with %j', (word, hint) => {
  expect(sceneHint([word], (path) => path.endsWith('.blend'))).toBe(hint);
});

test('sceneHint has no advice for a missing scene', () => {
  expect(sceneHint(['gone.blend'], () => false)).toBeUndefined();
});
