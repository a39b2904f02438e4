import { join } from 'node:path';
import { programPid } from '../../../../core/processes/program-pid';
import { ROOT } from '../../../support/source-files';

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

test('programPid gives the first child of the supervisor', () => {
  const files = { '/proc/7/cmdline': SUPERVISOR, '/proc/7/task/7/children': '12 9 ' };
  expect(find(files)).toBe(12);
});

test('programPid gives the oldest child where the kernel lists no children', () => {
  const files = {
    '/proc/7/cmdline': SUPERVISOR,
    '/proc/8/stat': stat(8, 'a) S 7 (b', 1, 10),
    '/proc/9/stat': stat(9, 'orphan', 7, 300),
    '/proc/12/stat': stat(12, 'b) S 1', 7, 200),
  };
  expect(find(files, [7, 8, 9, 12])).toBe(12);
});

test('programPid gives nothing before the program has started', () => {
  expect(find({ '/proc/7/cmdline': SUPERVISOR }, [7, 8])).toBeUndefined();
});

test('programPid gives the process itself without a supervisor', () => {
  expect(find({ '/proc/7/cmdline': 'blender\0-b\0', '/proc/7/task/7/children': '12' })).toBe(7);
});
