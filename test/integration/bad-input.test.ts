import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findExecutable } from '../../core/processes/run-program';
import { makeScene } from '../support/blender';
import { installFakeBlender } from '../support/fake-blender';
import { fewOrAll, runsHeavy } from '../support/heavy';
import { begunFrames, onlyRender, partialFiles } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { type Finished, spotreel, startProgram } from '../support/spotreel';

jest.setTimeout(240_000);

const at = useScratchFolder();
const CLOCK = join(ROOT, 'examples/clock.blend');
const BLENDER_5 = join(ROOT, 'test/fixtures/blend/5.0-zstd.blend');

const render = (scene: string, ...flags: string[]) => spotreel(['render', scene, '-o', at('out'), ...flags]);

/** One message for the user, on standard error, with no stack and nothing on standard output. */
function expectMessage({ exitCode, stdout, stderr }: Finished, code: number, ...words: string[]): void {
  expect({ exitCode, stdout }).toEqual({ exitCode: code, stdout: '' });
  const messages = stderr.split('\n').filter((line) => line.startsWith('spotreel: '));
  expect(messages).toHaveLength(1);
  for (const word of words) expect(messages[0]).toContain(word);
  expect(stderr).not.toMatch(/^\s+at /m);
}

describe('render, before it writes anything, refuses', () => {
  const SCENES: ReadonlyArray<readonly [string, () => Promise<string>, number, string[]]> = [
    ['a missing file', async () => at('none.blend'), 1, ['none.blend', 'check the path']],
    ['a folder', async () => `${at()}/`, 2, ['is a folder, not an object']],
    ['a folder without a slash', async () => at(), 1, ['is a folder: give the .blend in it']],
    [
      'a file that is not a .blend',
      async () => write('film.blend', 'a letter from home'),
      1,
      ['film.blend is not a scene', 'save the scene in Blender (File > Save As)'],
    ],
    [
      'an empty file',
      async () => write('film.blend', ''),
      1,
      ['film.blend is not a scene: the file is empty'],
    ],
    [
      'a truncated .blend',
      async () => write('film.blend', readFileSync(CLOCK).subarray(0, 90_000)),
      1,
      ['film.blend is cut off', 'copy or upload it again'],
    ],
    [
      'a scene without a camera',
      () => scene("bpy.data.objects.remove(bpy.data.objects['Camera'])"),
      1,
      ['has no camera', 'Scene Properties'],
    ],
    [
      'a range that starts after its end',
      () => reversedRange(9, 5),
      1,
      ['starts at frame 9, after its end 5'],
    ],
    ['a scene of a newer Blender', async () => BLENDER_5, 1, ['saved by Blender 5.0', 'SPOTREEL_BLENDER']],
  ];
  const USUAL = ['a truncated .blend', 'a scene of a newer Blender'];
  test.each(fewOrAll('commands', SCENES, ([name]) => USUAL.includes(name)))(
    '%s',
    async (_, make, code, words) => {
      expectMessage(await render(await make()), code, ...words);
      expect(existsSync(at('out'))).toBe(false);
    },
  );

  test('a path that the shell split at its spaces', async () => {
    write('my film.blend', readFileSync(CLOCK));
    const { exitCode, stderr } = await spotreel(['render', 'my', 'film.blend'], { cwd: at() });
    expect({ exitCode, hint: stderr.split('\n').at(-2) }).toEqual({
      exitCode: 2,
      hint: '"my film.blend" is one file: put its path in quotes',
    });
  });

  function write(name: string, content: string | Uint8Array): string {
    writeFileSync(at(name), content);
    return at(name);
  }

  const scene = (lines: string) => makeScene(at('film.blend'), lines);

  /** Blender does not let a script set a start after the end, so the numbers are changed in the saved file. */
  async function reversedRange(start: number, end: number): Promise<string> {
    const path = await scene('scene.frame_start = 777\nscene.frame_end = 888');
    patchRange(path, [777, 888], [start, end]);
    return path;
  }
});

/** Writes another frame range over the scene's, which the file holds as two adjacent 32-bit numbers. */
function patchRange(path: string, from: [number, number], to: [number, number]): void {
  const bytes = readFileSync(path);
  const needle = Buffer.alloc(8);
  needle.writeInt32LE(from[0], 0);
  needle.writeInt32LE(from[1], 4);
  for (let found = bytes.indexOf(needle); found >= 0; found = bytes.indexOf(needle, found + 8)) {
    bytes.writeInt32LE(to[0], found);
    bytes.writeInt32LE(to[1], found + 4);
  }
  writeFileSync(path, bytes);
}

if (runsHeavy('commands'))
  test('render refuses a range of 4 billion frames at once', async () => {
    const path = await makeScene(at('film.blend'), 'scene.frame_start = 777\nscene.frame_end = 888');
    patchRange(path, [777, 888], [-2_147_483_648, 2_147_483_647]);
    expectMessage(await render(path), 1, '-2147483648 to 2147483647', "beyond Blender's limits", '--frames');
  });

describe('wrong usage', () => {
  const FLAGS: ReadonlyArray<readonly [string[], string]> = [
    [['--scene', 'Nowhere'], 'there is no scene "Nowhere"'],
    [['--frames', '5-1'], 'write 1-5'],
    [['--frames', 'all'], '"all" is not a frame or range'],
    [['--engine', 'x; rm -rf ~'], '--engine x; rm -rf ~ is invalid: give cycles, eevee or workbench'],
    [
      ['--resolution-percent', '99999'],
      '--resolution-percent 99999 is invalid: give a whole number from 1 to 32767',
    ],
    [['--name', '../../etc'], "a render's name"],
  ];
  const isUsual = ([[flag]]: (typeof FLAGS)[number]) => flag === '--scene';
  test.each(fewOrAll('commands', FLAGS, isUsual))(
    'of %j ends with a message that names the fault',
    async (flags, words) => {
      const result = await render(CLOCK, ...flags);
      expect(result.exitCode).toBe(flags[0] === '--scene' ? 1 : 2);
      expect(result.stderr).toContain(words);
      expect(existsSync(at('out'))).toBe(false);
    },
  );

  const COMMANDS: ReadonlyArray<readonly [string[], string]> = [
    [['render'], "missing required argument 'file'"],
    [['render', 'x.blend', '-f', '0'], 'whole number of 1 or more'],
    [['render', 'x.blend', '--parallel', 'lots'], 'whole number of 1 or more'],
    [['dance'], "unknown command 'dance'"],
  ];
  test.each(fewOrAll('commands', COMMANDS, ([[command]]) => command === 'dance'))(
    'of %j ends with 2',
    async (args, words) => {
      const { exitCode, stderr, stdout } = await spotreel(args);
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
      expect(stderr).toContain(words);
    },
  );
});

test('render refuses the same name for other options', async () => {
  const environment = installFakeBlender(at('blender'), { width: 64, height: 36 });
  const flags = [
    'render',
    CLOCK,
    '-o',
    at('out'),
    '--resolution-percent',
    '10',
    '--video',
    'none',
    '--name',
    'take',
  ];
  expect((await spotreel([...flags, '--frames', '1-2'], { environment })).exitCode).toBe(0);
  expectMessage(await spotreel([...flags, '--frames', '1-3'], { environment }), 2, 'choose another name');
});

describe('render refuses a machine with', () => {
  const PROGRAMS = [
    ['blender', 'download it from https://www.blender.org/download/'],
    ['ffmpeg', 'apt-get install ffmpeg'],
  ] as const;
  test.each(fewOrAll('commands', PROGRAMS, ([name]) => name === 'blender'))(
    '%s missing',
    async (program, fix) => {
      mkdirSync(at('bin'));
      for (const name of ['blender', 'ffmpeg'].filter((other) => other !== program)) {
        symlinkSync(findExecutable(name, process.env.PATH)!, at('bin', name));
      }
      const result = await spotreel(['render', CLOCK, '-o', at('out')], { environment: { PATH: at('bin') } });
      expectMessage(result, 2, `there is no ${program} on PATH`, fix, 'brew install');
    },
  );

  if (runsHeavy('commands'))
    test('a wrong SPOTREEL_BLENDER', async () => {
      const environment = { SPOTREEL_BLENDER: at('nowhere') };
      expectMessage(
        await spotreel(['render', CLOCK, '-o', at('out')], { environment }),
        2,
        'SPOTREEL_BLENDER is ',
      );
    });
});

describe('render refuses an output folder', () => {
  test('that is a file', async () => {
    writeFileSync(at('out'), 'a file');
    expectMessage(await render(CLOCK), 2, at('out'));
  });

  if (runsHeavy('commands'))
    test('on a read-only file system', async () => {
      if (!onTmpfs(at('disk'), 'ro,size=1m')) return;
      try {
        expectMessage(
          await spotreel(['render', CLOCK, '-o', at('disk/out')]),
          2,
          at('disk/out'),
          'choose another output folder',
        );
      } finally {
        execFileSync('umount', [at('disk')]);
      }
    });
});

if (runsHeavy('commands'))
  test('a rerun with free space completes a render that filled its disk', async () => {
    if (!onTmpfs(at('disk'), 'size=3m')) return;
    const environment = {
      ...installFakeBlender(at('blender'), { width: 640, height: 360, noise: true }),
      TMPDIR: at('tmp'),
    };
    mkdirSync(at('tmp'));
    const command = ['render', CLOCK, '-o', at('disk/out'), '--frames', '1-6'];
    try {
      const full = await spotreel(command, { environment });
      // A video with gaps may still find room.
      expect([1, 3]).toContain(full.exitCode);
      expect(full.stderr).toMatch(/disk.* is full|no space/i);
      expect(partialFiles(at('disk'))).toEqual([]);
      execFileSync('mount', ['-o', 'remount,size=64m', at('disk')]);
      const again = await spotreel(command, { environment });
      expect({ exitCode: again.exitCode, stderr: again.stderr }).toMatchObject({ exitCode: 0 });
      expect(readdirSync(join(onlyRender(at('disk/out')), 'frames'))).toHaveLength(6);
    } finally {
      execFileSync('umount', ['--lazy', at('disk')]);
    }
  });

/** Mounts a small file system; loudly says so where that needs more rights than the test has. */
function onTmpfs(path: string, options: string): boolean {
  mkdirSync(path);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { stdio: 'pipe' });
    return true;
  } catch {
    if (process.env.CI === 'true') throw new Error('CI must be able to mount a tmpfs: run as root');
    console.warn('SKIPPED: a full and a read-only disk need root to mount a tmpfs');
    return false;
  }
}

if (runsHeavy('commands'))
  test('a scene that changes while it renders stops the render', async () => {
    const environment = installFakeBlender(at('blender'), { width: 64, height: 36, delayMs: 400 });
    const scene = at('film.blend');
    copyFileSync(CLOCK, scene);
    const flags = [
      '--resolution-percent',
      '10',
      '--frames',
      '1-8',
      '--frames-per-slice',
      '4',
      '--parallel',
      '1',
    ];
    const command = ['render', scene, '-o', at('out'), ...flags];
    const started = startProgram('spotreel', command, { environment });
    while (!begunFrames(at('out'))) await sleep(20);
    writeFileSync(scene, Buffer.concat([readFileSync(CLOCK), Buffer.from('\0')]));
    const { exitCode, stderr } = await started.finished;
    // What came of it before is put into a partial video.
    expect(exitCode).toBe(3);
    expect(stderr).toMatch(/changed/);
    expect((await spotreel(command, { environment })).exitCode).toBe(0);
    expect(readdirSync(at('out'))).toHaveLength(2);
  });

if (runsHeavy('commands'))
  test('render names the process that uses the same state folder', async () => {
    const hold = { frames: [2], until: at('go') };
    const environment = installFakeBlender(at('blender'), { width: 64, height: 36, hold });
    const small = ['--resolution-percent', '10', '--frames', '1-2', '-f', '2', '--video', 'none'];
    const command = ['render', CLOCK, '-o', at('out'), ...small];
    const started = startProgram('spotreel', command, { environment });
    while (!begunFrames(at('out'))) await sleep(20);
    expectMessage(await spotreel(command, { environment }), 2, String(started.process.pid));
    writeFileSync(at('go'), '');
    expect((await started.finished).exitCode).toBe(0);
  });
