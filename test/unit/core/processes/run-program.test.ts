import { join } from 'node:path';
import { LineSplitter, programPid } from '../../../../core/processes/run-program';
import { ROOT } from '../../../support/source-files';

describe('line splitter', () => {
  function linesOf(mostBytes: number | undefined, ...chunks: Array<string | Buffer>): string[] {
    const lines: string[] = [];
    const splitter = new LineSplitter((line) => lines.push(line), mostBytes);
    for (const chunk of chunks) splitter.push(Buffer.from(chunk));
    splitter.end();
    return lines;
  }

  test('lines are whole for any cut of the stream', () => {
    const lines = linesOf(undefined, 'Fra:1', ' Mem\r\nSav', 'ed\n\nover\rover\r', '\nlast');
    expect(lines).toEqual(['Fra:1 Mem', 'Saved', '', 'over', 'over', 'last']);
  });

  test('a character that was cut in two becomes one character', () => {
    const bytes = Buffer.from('größe\n');
    expect(linesOf(undefined, bytes.subarray(0, 3), bytes.subarray(3))).toEqual(['größe']);
  });

  test('only a line over the limit is cut, with the number of dropped bytes', () => {
    const lines = linesOf(8, '12345678\n123456789\n', 'after\n');
    expect(lines).toEqual(['12345678', '12345678… [Spotreel dropped 1 bytes]', 'after']);
  });

  test('a cut leaves no half character', () => {
    expect(linesOf(4, 'abcö\n')).toEqual(['abc… [Spotreel dropped 1 bytes]']);
  });

  test('output without line ends becomes one line of the longest length', () => {
    const lines = linesOf(undefined, ...Array.from({ length: 300 }, () => 'x'.repeat(1000)));
    expect(lines).toEqual([`${'x'.repeat(65_536)}… [Spotreel dropped 234464 bytes]`]);
  });
});

describe('program pid', () => {
  const SUPERVISOR = ['perl', join(ROOT, 'core/processes/supervise.pl'), '1', 'blender', ''].join('\0');

  function stat(pid: number, name: string, parent: number, startTime: number): string {
    const between = Array.from({ length: 17 }, () => '0').join(' ');
    return `${pid} (${name}) S ${parent} ${between} ${startTime} 0`;
  }

  function find(files: Readonly<Record<string, string>>, ids: readonly number[] = []) {
    return programPid(
      7,
      (path) => files[path] ?? '',
      () => [...ids],
    );
  }

  test('programPid returns the first child of the supervisor', () => {
    const files = { '/proc/7/cmdline': SUPERVISOR, '/proc/7/task/7/children': '12 9 ' };
    expect(find(files)).toBe(12);
  });

  test('programPid returns the oldest child if the kernel lists no children', () => {
    const files = {
      '/proc/7/cmdline': SUPERVISOR,
      '/proc/8/stat': stat(8, 'a) S 7 (b', 1, 10),
      '/proc/9/stat': stat(9, 'orphan', 7, 300),
      '/proc/12/stat': stat(12, 'b) S 1', 7, 200),
    };
    expect(find(files, [7, 8, 9, 12])).toBe(12);
  });

  test('programPid returns nothing before the program has started', () => {
    expect(find({ '/proc/7/cmdline': SUPERVISOR }, [7, 8])).toBeUndefined();
  });

  test('programPid returns the process itself without a supervisor', () => {
    expect(find({ '/proc/7/cmdline': 'blender\0-b\0', '/proc/7/task/7/children': '12' })).toBe(7);
  });
});
