import { checkBlenderVersion, parseBlenderVersion } from '../../../../core/render/blender-version';

const version = (text: string) => parseBlenderVersion(text)!;

test.each([
  ['3.4.1', { major: 3, minor: 4 }],
  ['4.10', { major: 4, minor: 10 }],
  ['LTS', undefined],
])('version %s', (text, expected) => {
  expect(parseBlenderVersion(text)).toEqual(expected);
});

test.each([
  ['3.4', '3.4'],
  ['2.93', '3.4'],
  ['3.0', '3.4'],
  ['4.2', '5.0'],
])('a file of %s opens in Blender %s', (file, blender) => {
  expect(() => checkBlenderVersion(version(file), version(blender), 'x.blend', 'here')).not.toThrow();
});

test.each([
  ['3.5', '3.4'],
  ['4.0', '3.6'],
  ['4.10', '4.2'],
])('a file of %s is refused by Blender %s, and both versions are named', (file, blender) => {
  const check = (place: 'here' | 'farm') => () =>
    checkBlenderVersion(version(file), version(blender), 'x.blend', place);
  expect(check('here')).toThrow(`x.blend was saved by Blender ${file}, and the Blender here is ${blender};`);
  expect(check('farm')).toThrow(
    `the farm's Blender is ${blender}; deploy the farm with the setting blenderVersion`,
  );
});
