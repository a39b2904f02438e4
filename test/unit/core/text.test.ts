import {
  listNames,
  formatExactSeconds,
  formatSeconds,
  printable,
  printableLine,
  printableName,
  printableReason,
} from '../../../core/text';

describe('format seconds', () => {
  test.each([
    [4.4, '4 s'],
    [59.6, '1 min 0 s'],
    [200, '3 min 20 s'],
    [7500, '2 h 05 min'],
  ])('%d seconds are %s', (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });

  test.each([
    [0.4219, '0.42 s'],
    [7.25, '7.3 s'],
    [61, '1 min 1 s'],
  ])('%d seconds are exactly %s', (seconds, text) => {
    expect(formatExactSeconds(seconds)).toBe(text);
  });
});

describe('printable', () => {
  test.each([
    ['scene "\u001b[2J\u0007"', 'scene "\\u001b[2J\\u0007"'],
    ['two\nlines', 'two\nlines'],
    ['right\u202eto left', 'right\\u202eto left'],
    ['left\u200fto \u061cright', 'left\\u200fto \\u061cright'],
    ['marks \u061c\u200e\u200f', 'marks \\u061c\\u200e\\u200f'],
    ['half a pair \ud83d', 'half a pair \\ud83d'],
    ['a whole pair 🎬', 'a whole pair 🎬'],
    ['Fußgänger 東', 'Fußgänger 東'],
  ])('%j', (text, safe) => {
    expect(printable(text)).toBe(safe);
  });

  test('printableName returns one line and cuts a long name', () => {
    expect(printableName('a\nb\r\u0000c')).toBe('a\\u000ab\\u000d\\u0000c');
    expect(printableName('x'.repeat(10_000))).toBe(`${'x'.repeat(300)}…`);
  });

  test('printableReason escapes control characters and cuts a reason over 4 KiB', () => {
    const whole = 'x'.repeat(4096);
    expect(printableReason(whole)).toBe(whole);
    expect(printableReason(`${whole}xyz`)).toBe(`${whole}… [Spotreel dropped 3 bytes]`);
    expect(printableReason('\u001b]0;title\u0007\nsecond line')).toBe('\\u001b]0;title\\u0007\nsecond line');
  });

  test('printableLine cuts a line before it escapes characters', () => {
    expect(printableLine('\n'.repeat(5), 3)).toBe('\\u000a\\u000a\\u000a…');
  });
});

describe('listNames', () => {
  it.each([
    [['a'], undefined, 'a'],
    [['a', 'b', 'c'], undefined, 'a, b and 1 more'],
    [['a', 'b'], 5, 'a, b and 3 more'],
    [[], undefined, ''],
  ])('writes %j of %s as "%s"', (names, total, text) => {
    expect(listNames(names, 2, total)).toBe(text);
  });
});
