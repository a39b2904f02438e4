import { LogLines } from '../../../../../core/batch/local/log-lines';

function linesOf(...chunks: (string | Buffer)[]): string[] {
  const lines: string[] = [];
  const logLines = new LogLines((line) => lines.push(line));
  for (const chunk of chunks) logLines.push(Buffer.from(chunk));
  logLines.end();
  return lines;
}

test('lines come whole, however they were cut', () => {
  expect(linesOf('Fra:1', ' Mem\r\nSav', 'ed\n\nlast')).toEqual(['Fra:1 Mem', 'Saved', '', 'last']);
});

test('a character cut in two stays one character', () => {
  const bytes = Buffer.from('größe\n');
  expect(linesOf(bytes.subarray(0, 3), bytes.subarray(3))).toEqual(['größe']);
});

test('output without line ends is handed on in pieces', () => {
  const lines = linesOf('x'.repeat(100_000), 'x'.repeat(100_000));
  expect(lines.join('')).toBe('x'.repeat(200_000));
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(64 * 1024);
});
