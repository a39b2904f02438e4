import { spawnSync } from 'node:child_process';
import { askPs, isProcessAlive, isSameProcess, processStartTime } from '../../../../core/processes/claim';

const own = processStartTime(process.pid);

test('a process with the same start time is the same process', () => {
  expect(isSameProcess(process.pid, own)).toBe(true);
  expect(isSameProcess(process.pid, '1')).toBe(false);
  expect(isSameProcess(999_999_999, own)).toBe(false);
});

test('a process with an unknown start time counts as alive but proves nothing', () => {
  expect(isSameProcess(process.pid, 'unknown')).toBe(false);
  expect(isProcessAlive(process.pid, 'unknown')).toBe(true);
});

// macOS has no /proc; Debian's ps knows the same columns.
test('the start time from ps fits into the name of a claim', () => {
  const stat = askPs(process.pid);
  expect(stat?.startTime).toMatch(/^[A-Z][a-z]{2}\.[A-Z][a-z]{2}\.\d+\.\d\d\.\d\d\.\d\d\.\d{4}$/);
  expect(stat?.state).toMatch(/^[A-Z]$/);
  const other = spawnSync('sleep', ['0']);
  expect(askPs(other.pid)).toBeUndefined();
});
