import { printable, printableName } from '../../../core/printable';

test.each([
  ['scene "\u001b[2J\u0007"', 'scene "\\u001b[2J\\u0007"'],
  ['two\nlines', 'two\nlines'],
  ['right\u202eto left', 'right\\u202eto left'],
  ['Fußgänger 東', 'Fußgänger 東'],
])('%j', (text, safe) => {
  expect(printable(text)).toBe(safe);
});

test('a name stands in one line, and is cut where it is too long', () => {
  expect(printableName('a\nb\r\u0000c')).toBe('a\\u000ab\\u000d\\u0000c');
  expect(printableName('x'.repeat(10_000))).toBe(`${'x'.repeat(300)}…`);
});
