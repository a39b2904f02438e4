import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { claimFolder } from '../../../../container/worker/folder-claim';
import { claimName, ELSEWHERE } from '../../../support/claim-name';
import { useScratchFolder } from '../../../support/scratch-folder';

const at = useScratchFolder();
const unsettled = async () => false;

test('claimFolder lets only one of many concurrent callers hold a folder', async () => {
  let [holding, most, held] = [0, 0, 0];
  const worker = async () => {
    const claim = await claimFolder(at('claims'), unsettled);
    holding += 1;
    most = Math.max(most, holding);
    await sleep(2);
    holding -= 1;
    held += 1;
    await claim!.release();
  };
  await Promise.all(Array.from({ length: 12 }, worker));
  expect({ most, held }).toEqual({ most: 1, held: 12 });
  expect(readdirSync(at('claims'))).toEqual([]);
});

function putClaim(name: string, secondsOld: number): void {
  mkdirSync(at('claims'), { recursive: true });
  writeFileSync(at('claims', name), '');
  const time = new Date(Date.now() - secondsOld * 1000);
  utimesSync(at('claims', name), time, time);
}

test.each([
  // Of another process namespace (none has this number), whose process ids say nothing here.
  ['another container that was not refreshed for long', claimName({ pids: '1' }), 60],
  ['another machine that was not refreshed for long', claimName(ELSEWHERE), 60],
  // Process 999999999 cannot exist: the kernel's largest is 4194304.
  ['a process that is gone', claimName({ pid: 999999999 }), 0],
])('claimFolder ignores the claim of %s', async (_, name, secondsOld) => {
  putClaim(name, secondsOld);
  const claim = await claimFolder(at('claims'), unsettled);
  expect(readdirSync(at('claims'))).toHaveLength(1);
  await claim!.release();
});

test.each([
  ['another container', claimName({ pids: '1', pid: 999999999 })],
  // Both machines have the same number for their first process namespace.
  ['another machine', claimName({ ...ELSEWHERE, pid: 999999999 })],
])('claimFolder waits for the claim of a living process in %s', async (_, name) => {
  putClaim(name, 0);
  let got = false;
  const waiting = claimFolder(at('claims'), unsettled).then((claim) => {
    got = true;
    return claim!.release();
  });
  await sleep(200);
  expect(got).toBe(false);
  // It has shown no sign of life since.
  putClaim(name, 60);
  await waiting;
  expect(got).toBe(true);
});

test('claimFolder stops waiting when the work is done meanwhile, and leaves no claim', async () => {
  // Of two claims of the same millisecond chance says which counts as the earlier one: both come up in so many rounds.
  const now = jest.spyOn(Date, 'now').mockReturnValue(1_000_000);
  for (let round = 0; round < 20; round += 1) {
    const claim = await claimFolder(at('claims'), unsettled);
    let settled = false;
    const waiting = claimFolder(at('claims'), async () => settled);
    settled = true;
    expect(await waiting).toBeUndefined();
    await claim!.release();
  }
  now.mockRestore();
  expect(readdirSync(at('claims'))).toEqual([]);
});
