import fc from 'fast-check';
import {
  blenderTooOld,
  checkBlenderVersion,
  compareBlenderVersions,
  lowestFor,
  oldBlender,
  parseBlenderVersion,
} from '../../../../core/render/blender-version';

const version = (text: string) => parseBlenderVersion(text)!;

test.each([
  ['3.4.1', { major: 3, minor: 4 }],
  ['4.10', { major: 4, minor: 10 }],
  ['LTS', undefined],
])('parseBlenderVersion reads %s', (text, expected) => {
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
])('a file of %s is refused by Blender %s with both versions', (file, blender) => {
  const check = (place: 'here' | 'farm') => () =>
    checkBlenderVersion(version(file), version(blender), 'x.blend', place);
  expect(check('here')).toThrow(`x.blend was saved by Blender ${file}, and the Blender here is ${blender};`);
  expect(check('farm')).toThrow(
    `the farm has Blender ${blender}; deploy the farm with ${file}.0 or newer in the setting blenderVersions`,
  );
});

test('blender-too-old names all Blenders', () => {
  const { message } = blenderTooOld(version('5.3'), ['4.2', '4.10', '5.2'].map(version), 'x.blend', 'farm');
  expect(message).toContain('saved by Blender 5.3, and the farm has Blender 4.2, 4.10 and 5.2;');
});

test('lowestFor gives the oldest Blender that is not older than the file', () => {
  const some = fc.record({ major: fc.nat(3), minor: fc.nat(12) });
  const law = fc.property(some, fc.array(some, { maxLength: 5 }), (file, blenders) => {
    const asNumber = ({ major, minor }: typeof file) => major * 100 + minor;
    const enough = blenders.map(asNumber).filter((blender) => blender >= asNumber(file));
    const chosen = lowestFor(file, blenders);
    return enough.length === 0
      ? chosen === undefined
      : blenders.includes(chosen!) && asNumber(chosen!) === Math.min(...enough);
  });
  expect(fc.check(law)).toMatchObject({ failed: false });
});

test('compareBlenderVersions compares numbers, not texts', () => {
  expect(['4.10', '5.0', '4.2', '2.93'].map(version).toSorted(compareBlenderVersions)).toEqual(
    ['2.93', '4.2', '4.10', '5.0'].map(version),
  );
});

describe('oldBlender', () => {
  test.each(['2.93', '3.4', '4.4'])('says where a newer Blender than %s comes from', (text) => {
    expect(oldBlender(version(text))).toBe(
      `Blender ${text} is old and refuses scenes that a newer Blender saved; download a newer Blender from https://www.blender.org/download/ and set SPOTREEL_BLENDER=/path/to/blender`,
    );
  });

  test.each(['4.5', '5.0', '6.1'])('has nothing to say about Blender %s', (text) => {
    expect(oldBlender(version(text))).toBeUndefined();
  });
});

test('blenderTooOld names the download and the variable for this machine', () => {
  const { message } = blenderTooOld(version('5.0'), [version('3.4')], 'x.blend', 'here');
  expect(message).toContain('download Blender 5.0 or newer from https://www.blender.org/download/');
  expect(message).toContain('set SPOTREEL_BLENDER=/path/to/blender');
});
