import { printable } from '../../../cli/printable';

test.each([
  ['scene "\u001b[2J\u0007"', 'scene "\\u001b[2J\\u0007"'],
  ['two\nlines', 'two\nlines'],
  ['right\u202eto left', 'right\\u202eto left'],
  ['Fußgänger 東', 'Fußgänger 東'],
])('%j', (text, safe) => {
  expect(printable(text)).toBe(safe);
});
