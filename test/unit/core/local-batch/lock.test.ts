import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import os, { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeOf, messageOf } from '../../../../core/errors';
import { findLockHolder, isHolderProven, joinNeighbours, takeLock } from '../../../../core/local-batch/lock';
import { type Claim, FolderClock } from '../../../../core/processes/claim';
import { claimName, ELSEWHERE } from '../../../support/claim-name';

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'spotreel-lock-'))));
afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
  rmSync(directory, { recursive: true, force: true });
});

/** More than any system's highest process id. */
const NO_PID = 999_999_999;

function leaveClaim(given: Partial<Claim>, secondsOld = 0): string {
  const name = claimName(given);
  mkdirSync(join(directory, 'lock'), { recursive: true });
  writeFileSync(join(directory, 'lock', name), '');
  const time = new Date(Date.now() - secondsOld * 1000);
  utimesSync(join(directory, 'lock', name), time, time);
  return name;
}

async function refusal(): Promise<unknown> {
  return takeLock(directory).then(
    (lock) => {
      lock.release();
      return undefined;
    },
    (error: unknown) => error,
  );
}

test('a lock is held until it is released', async () => {
  const lock = await takeLock(directory);
  const error = await refusal();
  expect(codeOf(error)).toBe('locked');
  expect(messageOf(error)).toBe(
    `${directory} is in use by process ${process.pid}: wait until that process ends, stop it (spotreel cancel), or choose another folder`,
  );
  lock.release();
  lock.release();
  (await takeLock(directory)).release();
  expect(readdirSync(join(directory, 'lock'))).toEqual([]);
});

test('exactly one of many concurrent takers gets the lock', async () => {
  const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => takeLock(directory)));
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const outcome of outcomes) if (outcome.status === 'fulfilled') outcome.value.release();
});

test('a claim of a dead process is removed', async () => {
  leaveClaim({ pid: NO_PID });
  const lock = await takeLock(directory);
  expect(readdirSync(join(directory, 'lock'))).toHaveLength(1);
  lock.release();
});

// By the start time in Linux's /proc.
test('another process with the id of the former owner does not keep the lock', async () => {
  const claim = leaveClaim({ startTime: '1' });
  const lock = await takeLock(directory);
  expect(readdirSync(join(directory, 'lock'))).not.toContain(claim);
  lock.release();
});

describe('a claim of another machine', () => {
  test('keeps the lock while it is fresh, and the error names process, machine and age', async () => {
    const name = leaveClaim(ELSEWHERE);
    const refreshed = statSync(join(directory, 'lock', name)).mtimeMs;
    jest.spyOn(FolderClock.prototype, 'now').mockReturnValue(refreshed + 12_400);
    const error = await refusal();
    expect(codeOf(error)).toBe('locked');
    expect(messageOf(error)).toMatch(
      /is in use by process 1 on machine render-2 \(seen 12 s ago\): wait until that process ends, stop it there \(spotreel cancel\), or choose another folder$/,
    );
    expect(findLockHolder(directory)).toMatchObject({ pid: 1, isHere: false, hostName: 'render-2' });
  });

  test('is removed a minute after its last refresh', async () => {
    const claim = leaveClaim(ELSEWHERE, 61);
    expect(findLockHolder(directory)).toBeUndefined();
    expect(await refusal()).toBeUndefined();
    expect(readdirSync(join(directory, 'lock'))).not.toContain(claim);
  });

  test.each([-3600, 3600])(
    'is judged by the clock of the file system if the local clock is %i s off',
    async (off) => {
      leaveClaim(ELSEWHERE);
      const now = Date.now();
      jest.spyOn(Date, 'now').mockImplementation(() => now + off * 1000);
      expect(codeOf(await refusal())).toBe('locked');
    },
  );

  test('expires if its last refresh is in the future', async () => {
    leaveClaim(ELSEWHERE, -3600);
    expect(findLockHolder(directory)).toBeUndefined();
    expect(await refusal()).toBeUndefined();
  });

  test('never proves a holder that may get a signal', () => {
    leaveClaim({ ...ELSEWHERE, pid: process.pid });
    expect(isHolderProven(directory, findLockHolder(directory)!)).toBe(false);
  });
});

test('a claim of another container on this machine keeps the lock until it is stale', async () => {
  leaveClaim({ pids: '1', pid: NO_PID });
  expect(codeOf(await refusal())).toBe('locked');
  leaveClaim({ pids: '1', pid: NO_PID }, 61);
  expect(await refusal()).toBeUndefined();
});

test.each([
  ['folder', (path: string) => mkdirSync(path)],
  ['link', (path: string) => symlinkSync(process.execPath, path)],
])('a %s with the name of a dead claim does not keep the lock', async (_, make) => {
  mkdirSync(join(directory, 'lock'));
  make(join(directory, 'lock', claimName({ pid: NO_PID })));
  make(join(directory, 'lock', claimName({ ...ELSEWHERE, pid: NO_PID })));
  expect(findLockHolder(directory)).toBeUndefined();
  expect(await refusal()).toBeUndefined();
});

describe('a claim from before the last boot of this machine', () => {
  test('does not count', async () => {
    jest.spyOn(os, 'uptime').mockReturnValue(5);
    leaveClaim({ boot: 'beef' }, 10);
    expect(await refusal()).toBeUndefined();
  });

  test('counts if it was refreshed since the boot, because a copy of this machine made it', async () => {
    jest.spyOn(os, 'uptime').mockReturnValue(20);
    leaveClaim({ boot: 'beef' }, 10);
    expect(codeOf(await refusal())).toBe('locked');
  });
});

describe('a holder', () => {
  test('refreshes its claim', async () => {
    jest.useFakeTimers({ now: Date.now() });
    const lock = await takeLock(directory);
    const [name] = readdirSync(join(directory, 'lock'));
    const path = join(directory, 'lock', name!);
    utimesSync(path, 0, 0);
    jest.advanceTimersByTime(5_000);
    expect(statSync(path).mtimeMs).toBeGreaterThan(0);
    expect(lock.lost.aborted).toBe(false);
    lock.release();
  });

  test('notices that its claim is missing', async () => {
    jest.useFakeTimers({ now: Date.now() });
    const lock = await takeLock(directory);
    rmSync(join(directory, 'lock'), { recursive: true });
    jest.advanceTimersByTime(5_000);
    expect(lock.lost.aborted).toBe(true);
    lock.release();
  });

  test('does not write through a link that replaced its claim', async () => {
    jest.useFakeTimers({ now: Date.now() });
    const lock = await takeLock(directory);
    const [name] = readdirSync(join(directory, 'lock'));
    writeFileSync(join(directory, 'precious'), 'precious');
    rmSync(join(directory, 'lock', name!));
    symlinkSync(join(directory, 'precious'), join(directory, 'lock', name!));
    jest.advanceTimersByTime(5_000);
    expect(readFileSync(join(directory, 'precious'), 'utf8')).toBe('precious');
    expect(lock.lost.aborted).toBe(true);
    lock.release();
  });

  test('is proven by the claim that it keeps open', async () => {
    const lock = await takeLock(directory);
    expect(isHolderProven(directory, findLockHolder(directory)!)).toBe(true);
    lock.release();
  });

  test.each([
    ['whose claim another process wrote', {}],
    ['without a start time', { startTime: 'unknown' }],
  ])('%s is not proven', (_, given) => {
    leaveClaim(given);
    const holder = findLockHolder(directory);
    expect(holder?.pid).toBe(process.pid);
    expect(isHolderProven(directory, holder!)).toBe(false);
  });
});

test('findLockHolder changes nothing in the directory', async () => {
  expect(findLockHolder(directory)).toBeUndefined();
  const stale = leaveClaim({ pid: NO_PID });
  expect(findLockHolder(directory)).toBeUndefined();
  expect(readdirSync(join(directory, 'lock'))).toEqual([stale]);
  const lock = await takeLock(directory);
  expect(findLockHolder(directory)?.pid).toBe(process.pid);
  lock.release();
  expect(findLockHolder(directory)).toBeUndefined();
});

// A signal to process 0 or -1 would reach a whole group, or everything.
test.each(['0', '', 'NaN', '1e3', '-1', '1_2'])('a claim of "process" %j names no process', (pid) => {
  mkdirSync(join(directory, 'lock'));
  writeFileSync(
    join(directory, 'lock', claimName({ startTime: 'unknown' }).replace(`_${process.pid}_`, `_${pid}_`)),
    '',
  );
  expect(findLockHolder(directory)).toBeUndefined();
});

test('the error for a directory that cannot be created names it', async () => {
  writeFileSync(join(directory, 'file'), '');
  const error: unknown = await takeLock(join(directory, 'file', 'state')).catch((thrown: unknown) => thrown);
  expect(codeOf(error)).toBe('denied');
  expect(messageOf(error)).toContain(join(directory, 'file', 'state'));
});

describe('joinNeighbours', () => {
  test('each scheduler has its own place until it leaves', () => {
    const [first, second] = [joinNeighbours(directory), joinNeighbours(directory)];
    expect([first.look(), second.look()].toSorted((a, b) => a.place - b.place)).toEqual([
      { place: 0, count: 2 },
      { place: 1, count: 2 },
    ]);
    first.leave();
    second.refresh();
    expect(second.look()).toEqual({ place: 0, count: 1 });
  });

  test('a scheduler looks at the others once between refreshes', () => {
    const [first, second] = [joinNeighbours(directory), joinNeighbours(directory)];
    const place = second.look();
    first.leave();
    expect(second.look()).toBe(place);
  });

  const claimIn = (folder: string) => join(directory, folder, readdirSync(join(directory, folder))[0]!);

  test('a scheduler refreshes its claim', () => {
    const scheduler = joinNeighbours(directory);
    const claim = claimIn(readdirSync(directory)[0]!);
    utimesSync(claim, 0, 0);
    scheduler.refresh();
    expect(statSync(claim).mtimeMs).toBeGreaterThan(0);
  });

  test('a scheduler puts a claim again that another one removed', () => {
    const [first, second] = [joinNeighbours(directory), joinNeighbours(directory)];
    rmSync(claimIn(readdirSync(directory)[0]!));
    for (const scheduler of [first, second]) scheduler.refresh();
    expect([first.look().count, second.look().count]).toEqual([2, 2]);
  });

  test('a scheduler is alone if the folder cannot be written', () => {
    writeFileSync(join(directory, 'file'), '');
    expect(joinNeighbours(join(directory, 'file')).look()).toEqual({ place: 0, count: 1 });
  });
});
