import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failureSchema } from '../../core/render/records';
import { html } from '../../core/report/charts';
import { parseGaps } from '../support/documents';
import { type FakeBehaviour, installFakeBlender } from '../support/fake-blender';
import { fewOrAll, runsHeavy } from '../support/heavy';
import { frameFiles, manifestOf, onlyRender, sliceReports, writeTimes } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { spotreel } from '../support/spotreel';
import { decodeFrame, decodeGreys, probeVideo } from '../support/video';

jest.setTimeout(240_000);

const at = useScratchFolder();
const SCENE = join(ROOT, 'examples/clock.blend');
/** 64×36, the size of the fake's frames. */
const FLAGS = ['--resolution-percent', '10', '--frames', '1-8', '--frames-per-slice', '4', '--parallel', '2'];

/** A Blender for one slice; most faults need no second one. */
const ONE_SLICE = ['--frames-per-slice', '8'];

const render = (behaviour: Partial<FakeBehaviour>, ...more: string[]) => renderIn(at(), behaviour, ...more);

async function renderIn(place: string, behaviour: Partial<FakeBehaviour>, ...more: string[]) {
  const [blender, out] = [join(place, 'blender'), join(place, 'out')];
  const environment = installFakeBlender(blender, { width: 64, height: 36, ...behaviour });
  const result = await spotreel(['render', SCENE, '-o', out, '--json', ...FLAGS, ...more], { environment });
  const folder = existsSync(out) ? onlyRender(out) : '';
  const json = result.stdout === '' ? undefined : JSON.parse(result.stdout);
  return { ...result, folder, json };
}

const names = (frames: number[]) => frames.map((frame) => `000${frame}.png`);

const FAULTS = ['crash', 'fail', 'truncate', 'no-file', 'quit', 'small'] as const;
const USUAL: ReadonlyArray<(typeof FAULTS)[number]> = ['crash', 'truncate'];

describe.each(fewOrAll('frame-faults', FAULTS, (fault) => USUAL.includes(fault)))(
  'a Blender that fails with "%s"',
  (fault) => {
    // Usually frame 8 of the test below shows it.
    if (runsHeavy('frame-faults'))
      test('once costs a second try and no frame', async () => {
        const { exitCode, folder } = await render({ faults: { 3: fault, 8: fault }, onceIn: at() });
        expect(exitCode).toBe(0);
        expect(frameFiles(folder)).toEqual(names([1, 2, 3, 4, 5, 6, 7, 8]));
        expect((await probeVideo(join(folder, 'output.mp4'))).nb_read_frames).toBe('8');
      });

    test('always costs that frame only, which the error names with its reason', async () => {
      // Frame 8 does it once, which costs a second try and no frame.
      const faults = { 3: fault, 8: fault };
      const { exitCode, folder, json, stderr } = await render(
        { faults, onceIn: at(), onceFor: [8] },
        ...ONE_SLICE,
      );
      expect(exitCode).toBe(3);
      expect(json).toMatchObject({
        state: 'partial',
        framesDone: 7,
        failures: [{ frame: 3 }],
        gaps: [{ frame: 3, reason: expect.stringMatching(/./), shown: 2 }],
      });
      expect(stderr).toContain('frame 3 is missing; the video shows frame 2 instead\nframe 3: ');
      expect(frameFiles(folder)).toEqual(names([1, 2, 4, 5, 6, 7, 8]));
      expect(readdirSync(join(folder, 'failures'))).toEqual(['3.json']);
      const failure = failureSchema.parse(JSON.parse(readFileSync(join(folder, 'failures/3.json'), 'utf8')));
      expect(failure).toMatchObject({ frame: 3, slice: 0, tries: 2, reason: expect.stringMatching(/./) });
      expect(existsSync(join(folder, 'output.mp4'))).toBe(false);
      expect((await probeVideo(join(folder, 'output.partial.mp4'))).nb_read_frames).toBe('8');
    });
  },
);

describe('a render without 3 frames of 8', () => {
  let place: string;
  let made: Awaited<ReturnType<typeof renderIn>>;
  beforeAll(async () => {
    place = mkdtempSync(join(tmpdir(), 'spotreel test '));
    const greys = { 1: 10, 2: 40, 3: 70, 4: 100, 5: 130, 6: 160, 7: 190, 8: 220 };
    made = await renderIn(place, { greys, faults: { 1: 'fail', 4: 'crash', 5: 'truncate' } });
  });
  afterAll(() => rmSync(place, { recursive: true, force: true }));

  test('each gap of a video shows the frame before it, or the next at the start', async () => {
    const { folder } = made;
    const video = join(folder, 'output.partial.mp4');
    expect(made).toMatchObject({ exitCode: 3, json: { state: 'partial', framesDone: 5, video } });
    const gaps = parseGaps(readFileSync(join(folder, 'gaps.json')));
    expect(gaps).toMatchObject({ frameCount: 8, marked: false });
    expect(gaps.gaps.map(({ frame, shown }) => [frame, shown])).toEqual([
      [1, 2],
      [4, 3],
      [5, 3],
    ]);
    const shown = await decodeGreys(video);
    const wanted = [40, 40, 70, 70, 70, 160, 190, 220];
    expect(shown).toHaveLength(8);
    shown.forEach((grey, i) => expect(Math.abs(grey - wanted[i]!)).toBeLessThan(4));
  });

  test('the report names the failed frames with their reasons', () => {
    const { folder } = made;
    const { gaps } = parseGaps(readFileSync(join(folder, 'gaps.json')));
    expect(gaps).toHaveLength(3);
    const report = reportOf(folder);
    for (const { frame, reason } of gaps) {
      expect(report).toContain(`<td>${frame}</td><td>2</td><td>${html`${reason}`.text}</td>`);
    }
  });
});

/** Without the spaces around its tags. */
const reportOf = (folder: string) =>
  readFileSync(join(folder, 'report.html'), 'utf8').replace(/>\s+/g, '>').replace(/\s+</g, '<');

if (runsHeavy('frame-faults'))
  test('a marked gap is labelled in the picture', async () => {
    const greys = { 1: 128, 2: 128, 3: 128, 4: 128, 5: 128, 6: 128, 7: 128, 8: 128 };
    const mark = ['--gaps', 'mark', ...ONE_SLICE];
    const { exitCode, folder } = await render({ greys, faults: { 3: 'fail' } }, ...mark);
    expect(exitCode).toBe(3);
    const [held, marked] = await Promise.all(
      [1, 2].map((index) => decodeFrame(join(folder, 'output.partial.mp4'), index)),
    );
    expect(held!.every((value) => Math.abs(value - 128) < 8)).toBe(true);
    expect(marked!.some((value) => value < 40)).toBe(true);
    expect(marked!.some((value) => value > 215)).toBe(true);
    expect(parseGaps(readFileSync(join(folder, 'gaps.json'))).marked).toBe(true);
  });

if (runsHeavy('frame-faults'))
  test('a render without a single frame makes no video', async () => {
    const faults = Object.fromEntries([1, 2, 3, 4, 5, 6, 7, 8].map((frame) => [frame, 'fail' as const]));
    const { exitCode, folder, json } = await render({ faults }, ...ONE_SLICE);
    expect(exitCode).toBe(1);
    expect(json.errors).toContainEqual(expect.stringContaining('all 8 frames of'));
    const report = reportOf(folder);
    for (const frame of [1, 2, 3, 4, 5, 6, 7, 8]) expect(report).toContain(`<td>${frame}</td><td>2</td>`);
    expect(readdirSync(folder).filter((name) => name.startsWith('output') || name === 'gaps.json')).toEqual(
      [],
    );
  });

describe('the same command after a fault is fixed', () => {
  let place: string;
  const out = (): string => join(place, 'out');
  const before = (): string => join(place, 'before');
  beforeAll(async () => {
    place = mkdtempSync(join(tmpdir(), 'spotreel test '));
    await renderIn(place, { faults: { 5: 'fail' } });
    cpSync(out(), before(), { recursive: true, preserveTimestamps: true });
  });
  // Its jobs name its place, so each test finds it there as it was.
  beforeEach(() => {
    rmSync(out(), { recursive: true });
    cpSync(before(), out(), { recursive: true, preserveTimestamps: true });
  });
  afterAll(() => rmSync(place, { recursive: true, force: true }));

  test('renders only the missing frames', async () => {
    expect(existsSync(join(onlyRender(out()), 'output.partial.mp4'))).toBe(true);
    const times = writeTimes(onlyRender(out()));
    const { exitCode, folder } = await renderIn(place, {});
    expect(exitCode).toBe(0);
    expect(readdirSync(join(folder, 'failures'))).toEqual([]);
    expect(readdirSync(folder).filter((name) => name.startsWith('output') || name === 'gaps.json')).toEqual([
      'output.mp4',
    ]);
    const after = writeTimes(folder);
    expect(after.delete('0005.png')).toBe(true);
    expect(after).toEqual(times);
  });

  test('a truncated frame in frames/ is rendered again, and other files there do no harm', async () => {
    const frames = join(onlyRender(out()), 'frames');
    truncateSync(join(frames, '0002.png'), 100);
    writeFileSync(join(frames, '0007.png'), '');
    writeFileSync(join(frames, 'notes.txt'), 'keep');
    copyFileSync(join(frames, '0001.png'), join(frames, '0009.png'));
    const { exitCode, folder } = await renderIn(place, {});
    expect(exitCode).toBe(0);
    const rendered = sliceReports(folder).flatMap(({ attempts }) =>
      attempts.at(-1)!.frames.map(({ frame }) => frame),
    );
    expect(rendered.toSorted((a, b) => a - b)).toEqual([2, 5, 7]);
    expect((await probeVideo(join(folder, 'output.mp4'))).nb_read_frames).toBe('8');
  });
});

if (runsHeavy('frame-faults'))
  test('a Blender that cannot open the scene is quoted after a second try', async () => {
    const { exitCode, stderr, json } = await render(
      { refuse: "Error: File format is not a blend file: 'x'" },
      ...ONE_SLICE,
    );
    expect(exitCode).toBe(1);
    expect(json.errors).toContainEqual(expect.stringContaining('could not render'));
    expect(stderr).toContain('File format is not a blend file');
  });

if (runsHeavy('frame-faults'))
  test('the report of a slice has seconds, attempts and bytes of each frame', async () => {
    const { folder } = await render({ delayMs: 20 }, '--video', 'none');
    const reports = sliceReports(folder);
    expect(reports.map(({ slice }) => slice).toSorted((a, b) => a - b)).toEqual([0, 1]);
    for (const { attempts } of reports) {
      expect(attempts).toHaveLength(1);
      expect(attempts[0]).toMatchObject({
        attempt: 1,
        kept: 0,
        failed: [],
        startSeconds: expect.any(Number),
      });
      for (const frame of attempts[0]!.frames) expect(frame).toMatchObject({ seconds: 0.02 });
    }
    expect(manifestOf(folder)).toMatchObject({ framesPerSlice: 4, sliceCount: 2 });
  });
