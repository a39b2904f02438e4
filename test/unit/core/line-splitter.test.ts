import { LineSplitter } from '../../../core/line-splitter';

function linesOf(mostBytes: number | undefined, ...chunks: Array<string | Buffer>): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line), mostBytes);
  for (const chunk of chunks) splitter.push(Buffer.from(chunk));
  splitter.end();
  return lines;
}

test('lines come whole, however they were cut', () => {
  const lines = linesOf(undefined, 'Fra:1', ' Mem\r\nSav', 'ed\n\nover\rover\r', '\nlast');
  expect(lines).toEqual(['Fra:1 Mem', 'Saved', '', 'over', 'over', 'last']);
});

test('a character cut in two stays one character', () => {
  const bytes = Buffer.from('größe\n');
  expect(linesOf(undefined, bytes.subarray(0, 3), bytes.subarray(3))).toEqual(['größe']);
});

test('a line of the limit is whole; a longer one is cut and says how much was dropped', () => {
  const lines = linesOf(8, '12345678\n123456789\n', 'after\n');
  expect(lines).toEqual(['12345678', '12345678… [Spotreel dropped 1 bytes]', 'after']);
});

test('a cut does not leave half a character', () => {
  expect(linesOf(4, 'abcö\n')).toEqual(['abc… [Spotreel dropped 1 bytes]']);
});

test('output without line ends is one line of the limit', () => {
  const lines = linesOf(undefined, ...Array.from({ length: 300 }, () => 'x'.repeat(1000)));
  expect(lines).toEqual([`${'x'.repeat(65_536)}… [Spotreel dropped 234464 bytes]`]);
});
