import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findLockHolder, takeLock } from '../../../../../core/batch/local/lock';
import { codeOf, messageOf } from '../../../../../core/errors';

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'spotreel-lock-'))));
afterEach(() => rmSync(directory, { recursive: true }));

/** More than any system's highest process id. */
const NO_PID = 2 ** 30;

function leaveClaim(pid: number, startTime: string): string {
  const name = `000000000000001-abcdef01-${pid}-${startTime}`;
  mkdirSync(join(directory, 'lock'), { recursive: true });
  writeFileSync(join(directory, 'lock', name), '');
  return name;
}

test('a lock is held until it is released', async () => {
  const lock = await takeLock(directory);
  const error: unknown = await takeLock(directory).catch((thrown: unknown) => thrown);
  expect(codeOf(error)).toBe('locked');
  expect(messageOf(error)).toBe(
    `${directory} is in use by process ${process.pid}; wait until it has ended, stop it, or use another state directory`,
  );
  lock.release();
  (await takeLock(directory)).release();
  expect(readdirSync(join(directory, 'lock'))).toEqual([]);
});

test('of many takers at once exactly one wins', async () => {
  const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => takeLock(directory)));
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

test('the claim of a process that is gone is taken over', async () => {
  leaveClaim(NO_PID, '1');
  const lock = await takeLock(directory);
  expect(readdirSync(join(directory, 'lock'))).toHaveLength(1);
  lock.release();
});

// By the start time in Linux's /proc.
test('a process that only has the id of the former owner does not keep the lock', async () => {
  const claim = leaveClaim(process.pid, '1');
  const lock = await takeLock(directory);
  expect(readdirSync(join(directory, 'lock'))).not.toContain(claim);
  lock.release();
});

test('who has a directory is told without changing anything in it', async () => {
  expect(findLockHolder(directory)).toBeUndefined();
  const stale = leaveClaim(NO_PID, '1');
  expect(findLockHolder(directory)).toBeUndefined();
  expect(readdirSync(join(directory, 'lock'))).toEqual([stale]);
  const lock = await takeLock(directory);
  expect(findLockHolder(directory)?.pid).toBe(process.pid);
  lock.release();
  expect(findLockHolder(directory)).toBeUndefined();
});

// A signal to process 0 or -1 would reach a whole group, or everything.
test.each(['0', '1', '', 'NaN', '1e3x', '-1'])('a claim of "process" %j names nobody', (pid) => {
  mkdirSync(join(directory, 'lock'));
  writeFileSync(join(directory, 'lock', `000000000000001-abcdef01-${pid}-unknown`), '');
  expect(findLockHolder(directory)).toBeUndefined();
});
