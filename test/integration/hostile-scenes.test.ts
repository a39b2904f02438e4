import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { parseWorkerEvent } from '../../core/jobs/worker';
import { failureSchema } from '../../core/render/records';
import { ALLOW_SCRIPTS, payloadScene } from '../support/payload-scene';
import { frameFiles, sliceReports } from '../support/render-folder';
import { fewOrAll, runsHeavy } from '../support/heavy';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { readableDist, spotreel } from '../support/spotreel';
import { probeVideo } from '../support/video';

jest.setTimeout(300_000);

const at = useScratchFolder();
const SIZE = { width: 64, height: 48 };
const MIB = 1024 * 1024;

/** The worker's user in the image. */
const WORKER = 10_001;
const runsAsRoot = process.getuid?.() === 0;
if (!runsAsRoot) process.stderr.write('not root: hostile scenes are NOT tested as another user\n');

/** A scene with the payload of this name, in which names such as `@SECRET@` are replaced. */
function hostileScene(name: string, frameEnd: number, values: Readonly<Record<string, string>> = {}) {
  let payload = readFileSync(join(ROOT, 'test/fixtures/attack', name), 'utf8');
  for (const [key, value] of Object.entries(values)) payload = payload.replaceAll(`@${key}@`, value);
  return payloadScene(at('hostile.blend'), payload, frameEnd);
}

const USERS = runsAsRoot ? ['root', 'worker'] : ['this user'];

describe.each(fewOrAll('sandbox', USERS, (user) => user !== 'root'))('as %s', (who) => {
  const id = who === 'worker' ? WORKER : process.getuid?.();

  beforeEach(() => {
    chmodSync(at(), 0o755);
    for (const name of ['out', 'home']) {
      mkdirSync(at(name));
      if (runsAsRoot) chownSync(at(name), id!, id!);
    }
  });

  async function render(flags: readonly string[], environment: NodeJS.ProcessEnv = {}) {
    const args = ['render', at('hostile.blend'), '-o', at('out'), '-n', 'film', '-p', '1', '--json'];
    const result = await spotreel([...args, ...ALLOW_SCRIPTS, ...flags], {
      environment: { HOME: at('home'), ...environment },
      ...(who === 'worker' && { user: { id: WORKER, dist: readableDist(at('dist')) } }),
    });
    const logs = at('out/film/.batch/logs');
    const log = readdirSync(logs, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(join(logs, name)).isFile())
      .map((name) => readFileSync(join(logs, name), 'utf8').replaceAll(/^\S+ /gm, ''))
      .join('');
    return { ...result, log };
  }

  /** What the user owns, and the worker must not change or read for the scene. */
  function writeOwn(name: string, content: string | Buffer): string {
    writeFileSync(at('home', name), content);
    if (runsAsRoot) chownSync(at('home', name), id!, id!);
    return at('home', name);
  }

  if (runsHeavy('sandbox'))
    test('a frame that is not a plain file fails alone, with its reason', async () => {
      const secret = writeOwn('secret.png', PNG.sync.write(new PNG(SIZE)));
      await hostileScene('unsafe-files.py', 7, { SECRET: secret });
      const { exitCode } = await render(['-f', '7']);
      expect(exitCode).toBe(3);
      expect(frameFiles(at('out/film'))).toEqual(['0007.png']);
      const reasons = [1, 2, 3, 4, 5, 6].map(
        (frame) =>
          failureSchema.parse(JSON.parse(readFileSync(at(`out/film/failures/${frame}.json`), 'utf8'))).reason,
      );
      expect(reasons).toEqual([
        'Blender saved frame 1 as a symbolic link, not a file',
        'Blender saved frame 2 as a named pipe, not a file',
        'Blender saved frame 3 as a symbolic link, not a file',
        'Blender saved frame 4 as a hard link to another file',
        'Blender saved frame 5 as a folder, not a file',
        expect.stringMatching(
          /^Blender saved frame 6 with 1099511627776 bytes; Spotreel accepts \d+ bytes at most$/,
        ),
      ]);
    });

  test('Blender reaches no folder of the worker, even by a link', async () => {
    const victim = writeOwn('.bashrc', 'echo hello\n');
    await hostileScene('redirect-worker.py', 2, { VICTIM: victim });
    const { exitCode, log } = await render(['--order', 'spread', '-f', '1']);
    expect(exitCode).toBe(0);
    expect(log).toContain('COULD NOT replace saved');
    expect(log).not.toContain('DID');
    expect(log).toContain('preview.mp4 shows 2 frames');
    expect(readFileSync(victim, 'utf8')).toBe('echo hello\n');
    expect(readdirSync(at('home')).toSorted()).toEqual(['.bashrc', '.cache']);
    // The command itself keeps its compiled code and Blender's version there.
    expect(readdirSync(at('home/.cache'))).toEqual(['spotreel']);
    expect(['blenders', 'code', 'running']).toEqual(
      expect.arrayContaining(readdirSync(at('home/.cache/spotreel'))),
    );
    expect((await probeVideo(at('out/film/preview.mp4'))).nb_read_frames).toBe('2');
  });

  if (runsHeavy('sandbox'))
    test('frames that were not requested are ignored, with one line in the log', async () => {
      await hostileScene('stray-frames.py', 4);
      const { exitCode, log, stdout } = await render(['-f', '4']);
      expect(exitCode).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ state: 'complete', framesDone: 4 });
      expect(frameFiles(at('out/film'))).toEqual(['0001.png', '0002.png', '0003.png', '0004.png']);
      expect(existsSync(at('out/film/failures'))).toBe(false);
      const red = [255, 0, 0, 255];
      const pixelOf = (name: string) => [
        ...PNG.sync.read(readFileSync(at('out/film/frames', name))).data.subarray(0, 4),
      ];
      expect(pixelOf('0003.png')).not.toEqual(red);
      const attempts = sliceReports(at('out/film')).flatMap((report) => report.attempts);
      expect(attempts).toHaveLength(1);
      const frames = attempts[0]!.frames.map(({ frame }) => frame);
      const seconds = attempts[0]!.frames.map((one) => one.seconds);
      expect(Math.max(...seconds)).toBeLessThan(300);
      expect(frames.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4]);
      const told = log.split('\n').filter((line) => line.includes('Spotreel ignored'));
      expect(told).toEqual([
        expect.stringContaining('ignored 17 reports of Blender that it had not asked for, such as'),
      ]);
      expect(told[0]).toContain('3, 500, 77777, -5');
    });

  if (runsHeavy('sandbox'))
    test('endless output is cut in the log, which shows the dropped amount', async () => {
      await hostileScene('much-output.py', 2);
      const { exitCode, log } = await render(['-f', '2'], { SPOTREEL_LOG_MIB: '1' });
      expect(exitCode).toBe(0);
      expect(frameFiles(at('out/film'))).toEqual(['0001.png', '0002.png']);
      const [report] = sliceReports(at('out/film'));
      expect(report!.attempts).toHaveLength(1);
      expect(report!.attempts[0]!.peakMemoryBytes).toBeLessThan(250 * MIB);
      expect(log.length).toBeLessThan(1.5 * MIB);
      const events = log.split('\n').map(parseWorkerEvent);
      const lines = events.flatMap((event) => (event?.event === 'output' ? [event.line] : []));
      expect(lines).toContainEqual(expect.stringMatching(/^y{65536}… \[Spotreel dropped 209649664 bytes\]$/));
      expect(lines).toContainEqual(
        expect.stringMatching(/^Spotreel dropped \d+ lines \(6\d\.\d MiB\) of Blender and ffmpeg/),
      );
      const stored = events.filter((event) => event?.event === 'frame-stored');
      expect(stored).toHaveLength(2);
    });
});
