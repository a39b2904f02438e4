import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { divideMachine, findBlenderVersion, keptPace, threadsOf } from '../../../../cli/local/farm';
import { Render } from '../../../../core/render/render';
import { MemoryStorage } from '../../../support/memory-storage';
import { manifestFor } from '../../../support/stored-render';

test('divideMachine gives each Blender as many threads as the user asks for, and none of the freed cores', () => {
  expect(divideMachine(undefined, 1, 8)).toEqual({ parallel: 2, threads: 1 });
  expect(divideMachine(1, 12, 8)).toEqual({ parallel: 1, threads: 12 });
});

test.each([
  [undefined, 1, { parallel: 1, threads: 1, cores: 1 }],
  [undefined, 2, { parallel: 2, threads: 1, cores: 2 }],
  [undefined, 8, { parallel: 2, threads: 4, cores: 8 }],
  [undefined, 64, { parallel: 8, threads: 8, cores: 64 }],
  [4, 2, { parallel: 4, threads: 1, cores: 2 }],
  [3, 8, { parallel: 3, threads: 2, cores: 8 }],
])('divideMachine for --parallel %p on %i cores is %j', (parallel, cores, expected) => {
  expect(divideMachine(parallel, undefined, cores)).toEqual(expected);
});

test.each([
  [1, 64],
  [3, 21],
  [8, 8],
  [20, 8],
])('threadsOf %i slices on 64 cores is %i', (slices, threads) => {
  expect(threadsOf(divideMachine(undefined, undefined, 64), slices)).toBe(threads);
});

test('threadsOf is what the user asks for', () => {
  expect(threadsOf(divideMachine(undefined, 3, 64), 1)).toBe(3);
});

describe('keptPace', () => {
  const OUTPUT = new URL('memory://films/renders/');
  const AT = '2026-01-01T00:00:00.000Z';
  const MACHINE = divideMachine(undefined, undefined, 2);

  /** The pace of a plan after a render whose frames took so many seconds, with kept data. */
  async function paceAfter(seconds: readonly number[], plan = {}, machine = MACHINE) {
    const storage = new MemoryStorage();
    const earlier = Render.at(OUTPUT, 'shot-11111111', storage);
    await earlier.manifest.write(manifestFor('shot-11111111', seconds.length, plan));
    const frames = seconds.map((one, i) => ({ frame: i + 1, seconds: one, storedAt: AT, bytes: 1 }));
    const ending = { stoppedAt: '2026-01-01T00:01:00.000Z', exitCode: 0 };
    const persistentData = { savedSeconds: 1 };
    const attempt = { attempt: 1, startedAt: AT, kept: 0, frames, failed: [], persistentData, ...ending };
    await earlier.slice(0).write({ version: 1, slice: 0, attempts: [attempt] });
    return keptPace(manifestFor('shot-00000000', 100, plan), OUTPUT, storage, machine);
  }

  test('keptPace finds an earlier render whose kept data saved more than half of a frame', async () => {
    expect(await paceAfter([4, 5, 1, 1])).toMatchObject({ frameSeconds: 1, freshSeconds: 4 });
  });

  test('keptPace ignores an earlier render whose kept data saved less', async () => {
    expect(await paceAfter([4, 5, 3, 3])).toBeUndefined();
  });

  test('keptPace ignores a plan that keeps data without a check', async () => {
    expect(await paceAfter([4, 5, 1, 1], { options: { persistentData: 'on' } })).toBeUndefined();
  });

  test('keptPace ignores engines without a choice of kept data', async () => {
    expect(await paceAfter([4, 5, 1, 1], { engine: 'BLENDER_EEVEE' })).toBeUndefined();
  });

  test.each([
    ['one slice on 2 cores', undefined, undefined, 2, 1],
    ['one slice on 15 cores', undefined, undefined, 15, 1],
    ['a slice for each 8 cores', undefined, undefined, 64, 8],
    ['as many slices as --parallel', 4, undefined, 2, 4],
    ['a slice for each Blender with --threads', undefined, 1, 2, 2],
  ])('keptPace asks for at least %s', async (_, parallel, threads, cores, leastSlices) => {
    const machine = divideMachine(parallel, threads, cores);
    expect(await paceAfter([4, 5, 1, 1], {}, machine)).toMatchObject({ leastSlices });
  });
});

describe('findBlenderVersion', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'spotreel-version-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  /** How often `findBlenderVersion` asks for the version of a program, called twice with a change between the calls. */
  async function asked(
    program: string,
    change: () => void = () => undefined,
    cache = join(folder, 'cache'),
  ): Promise<number> {
    const ask = jest.fn(async () => ({ major: 4, minor: 5 }));
    const environment = { XDG_CACHE_HOME: cache, HOME: '' };
    const first = await findBlenderVersion(program, environment, ask);
    change();
    expect(await findBlenderVersion(program, environment, ask)).toEqual(first);
    return ask.mock.calls.length;
  }

  /** A file that is no script, with this name. */
  function binary(name = 'Blender-4.5'): string {
    copyFileSync('/bin/sh', join(folder, name));
    return join(folder, name);
  }

  test('findBlenderVersion starts a Blender once', async () => {
    expect(await asked(binary())).toBe(1);
  });

  test('findBlenderVersion starts a Blender again once its file has changed', async () => {
    const program = binary();
    expect(await asked(program, () => utimesSync(program, 1, 1))).toBe(2);
  });

  test('findBlenderVersion starts a script each time, as it may start another Blender', async () => {
    const program = join(folder, 'blender');
    writeFileSync(program, '#!/bin/sh\n');
    chmodSync(program, 0o755);
    expect(await asked(program)).toBe(2);
  });

  test('findBlenderVersion starts a launcher of another name each time, as of a snap', async () => {
    symlinkSync(binary('snap'), join(folder, 'blender'));
    expect(await asked(join(folder, 'blender'))).toBe(2);
  });

  test('findBlenderVersion starts a Blender again that has another name', async () => {
    const program = binary();
    expect(await asked(program)).toBe(1);
    symlinkSync(program, join(folder, 'blender'));
    expect(await asked(join(folder, 'blender'))).toBe(1);
  });

  test('findBlenderVersion needs no folder that it can write', async () => {
    writeFileSync(join(folder, 'cache'), '');
    expect(await asked(binary())).toBe(2);
  });

  test('findBlenderVersion needs no cache', async () => {
    expect(await asked(binary(), undefined, '')).toBe(2);
  });
});
