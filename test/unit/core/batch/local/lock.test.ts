import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockHolder, takeLock } from '../../../../../core/batch/local/lock';
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

test('who has the lock can be seen by others, who change nothing', async () => {
  expect(lockHolder(directory)).toBeUndefined();
  expect(readdirSync(directory)).toEqual([]);
  const left = leaveClaim(NO_PID, '1');
  expect(lockHolder(directory)).toBeUndefined();
  expect(readdirSync(join(directory, 'lock'))).toEqual([left]);
  const lock = await takeLock(directory);
  expect(lockHolder(directory)?.pid).toBe(process.pid);
  lock.release();
  expect(lockHolder(directory)).toBeUndefined();
});
