import { copyFileSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { failureSchema } from '../../core/contract/failure';
import { installFakeBlender, type FakeBehaviour } from '../support/fake-blender';
import { frameFiles, manifestOf, onlyRender, sliceReports, writeTimes } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { spotreel } from '../support/spotreel';
import { probeVideo } from '../support/video';

jest.setTimeout(60_000);

const at = useScratchFolder();
const SCENE = join(ROOT, 'examples/clock.blend');
/** 64×36, as the fake is told to draw. */
const FLAGS = ['--resolution-percent', '10', '--frames', '1-8', '--frames-per-slice', '4', '--parallel', '2'];

async function render(behaviour: Partial<FakeBehaviour>) {
  const environment = installFakeBlender(at('blender'), { width: 64, height: 36, ...behaviour });
  const result = await spotreel(['render', SCENE, '-o', at('out'), '--json', ...FLAGS], { environment });
  const folder = existsSync(at('out')) ? onlyRender(at('out')) : '';
  const json = result.stdout === '' ? undefined : JSON.parse(result.stdout);
  return { ...result, folder, json };
}

const names = (frames: number[]) => frames.map((frame) => `000${frame}.png`);

describe.each(['crash', 'fail', 'truncate', 'no-file', 'quit', 'small'] as const)(
  'a Blender that does "%s"',
  (fault) => {
    test('once costs a second try and no frame', async () => {
      const { exitCode, folder } = await render({ faults: { 3: fault, 8: fault }, onceIn: at() });
      expect(exitCode).toBe(0);
      expect(frameFiles(folder)).toEqual(names([1, 2, 3, 4, 5, 6, 7, 8]));
      expect((await probeVideo(join(folder, 'output.mp4'))).nb_read_frames).toBe('8');
    });

    test('always costs that frame only, says which and why, and makes no video', async () => {
      const { exitCode, folder, json, stderr } = await render({ faults: { 3: fault } });
      expect(exitCode).toBe(1);
      expect(json).toMatchObject({ state: 'failed', framesDone: 7, failures: [{ frame: 3 }] });
      expect(stderr).toContain('frame 3: ');
      expect(frameFiles(folder)).toEqual(names([1, 2, 4, 5, 6, 7, 8]));
      expect(readdirSync(join(folder, 'failures'))).toEqual(['3.json']);
      const failure = failureSchema.parse(JSON.parse(readFileSync(join(folder, 'failures/3.json'), 'utf8')));
      expect(failure).toMatchObject({ frame: 3, slice: 0, tries: 2, reason: expect.stringMatching(/./) });
      expect(existsSync(join(folder, 'output.mp4'))).toBe(false);
    });
  },
);

test('once the fault is mended, the same command renders what is missing and nothing else', async () => {
  const before = await render({ faults: { 3: 'fail' } });
  const times = writeTimes(before.folder);
  const { exitCode, folder } = await render({});
  expect(exitCode).toBe(0);
  expect(readdirSync(join(folder, 'failures'))).toEqual([]);
  const after = writeTimes(folder);
  expect(after.delete('0003.png')).toBe(true);
  expect(after).toEqual(times);
});

test('a frame cut short in place is not trusted', async () => {
  const before = await render({ faults: { 5: 'fail' } });
  truncateSync(join(before.folder, 'frames/0002.png'), 100);
  writeFileSync(join(before.folder, 'frames/0007.png'), '');
  const { exitCode, folder } = await render({});
  expect(exitCode).toBe(0);
  const rendered = sliceReports(folder).flatMap(({ attempts }) =>
    attempts.at(-1)!.frames.map(({ frame }) => frame),
  );
  expect(rendered.toSorted((a, b) => a - b)).toEqual([2, 5, 7]);
});

test('files that are no frames do no harm in the frames folder', async () => {
  const before = await render({ faults: { 5: 'fail' } });
  writeFileSync(join(before.folder, 'frames/notes.txt'), 'keep');
  copyFileSync(join(before.folder, 'frames/0001.png'), join(before.folder, 'frames/0009.png'));
  const { exitCode, folder } = await render({});
  expect(exitCode).toBe(0);
  expect((await probeVideo(join(folder, 'output.mp4'))).nb_read_frames).toBe('8');
});

test('a Blender that can not open the scene is tried twice and quoted', async () => {
  const { exitCode, stderr, json } = await render({ refuse: "Error: File format is not a blend file: 'x'" });
  expect(exitCode).toBe(1);
  expect(json.errors).toContainEqual(expect.stringContaining('could not render'));
  expect(stderr).toContain('File format is not a blend file');
});

test('seconds, attempts and bytes of each frame stand in the report of its slice', async () => {
  const { folder } = await render({ delayMs: 20 });
  const reports = sliceReports(folder);
  expect(reports.map(({ slice }) => slice).toSorted((a, b) => a - b)).toEqual([0, 1]);
  for (const { attempts } of reports) {
    expect(attempts).toHaveLength(1);
    expect(attempts[0]).toMatchObject({ attempt: 1, kept: 0, failed: [] });
    for (const frame of attempts[0]!.frames) expect(frame).toMatchObject({ seconds: 0.02 });
  }
  expect(manifestOf(folder)).toMatchObject({ framesPerSlice: 4, sliceCount: 2 });
});
