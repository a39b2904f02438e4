import {
  cpSync,
  existsSync,
  mkdtempSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { parseWorkerEvent, type WorkerEvent } from '../../core/jobs/worker';
import { parseGaps } from '../support/documents';
import { installFakeBlender } from '../support/fake-blender';
import { runsHeavy } from '../support/heavy';
import { pngChunk, pngOf } from '../support/png';
import { frameFiles, manifestOf } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { type Finished, startProgram, worker } from '../support/spotreel';
import { probeVideo } from '../support/video';

jest.setTimeout(240_000);

const at = useScratchFolder();
const CLOCK = join(ROOT, 'examples/clock.blend');
const FRAMES = 72;

function fake(changes = {}): NodeJS.ProcessEnv {
  mkdirSync(at('tmp'), { recursive: true });
  return { ...installFakeBlender(at('blender'), { width: 640, height: 360, ...changes }), TMPDIR: at('tmp') };
}

const renderArgs = (f: number, t = FRAMES) => [
  'render',
  '-i',
  CLOCK,
  '-o',
  at('out'),
  '-f',
  String(f),
  '-t',
  String(t),
];
const stitchArgs = () => ['stitch', '-i', at('out'), '-o', at('out')];

/** A render whose frames are all stored, for tests that begin with it. */
let rendered: string;
beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'spotreel worker '));
  rendered = join(folder, 'out');
  const environment = installFakeBlender(join(folder, 'blender'), { width: 640, height: 360 });
  const args = ['render', '-i', CLOCK, '-o', rendered, '-f', String(FRAMES), '-t', String(FRAMES)];
  const { exitCode, stdout } = await worker(args, { environment });
  if (exitCode !== 0) throw new Error(stdout);
});
afterAll(() => rmSync(join(rendered, '..'), { recursive: true, force: true }));

const events = ({ stdout }: Finished) =>
  stdout
    .split('\n')
    .map(parseWorkerEvent)
    .filter((event) => event !== undefined);
const errorOf = (finished: Finished) =>
  events(finished).find((event): event is WorkerEvent & { event: 'error' } => event.event === 'error')
    ?.message;

test('the worker plans from the .blend if there is no manifest', async () => {
  for (const index of ['0', '1']) {
    const { exitCode } = await worker(renderArgs(36), {
      environment: { ...fake(), AWS_BATCH_JOB_ARRAY_INDEX: index },
    });
    expect(exitCode).toBe(0);
  }
  expect(frameFiles(at('out'))).toHaveLength(FRAMES);
  expect(manifestOf(at('out'))).toMatchObject({
    renderId: 'out',
    scene: 'Clock',
    framesPerSlice: 36,
    sliceCount: 2,
  });
  expect((await worker(stitchArgs())).exitCode).toBe(0);
  expect((await probeVideo(at('out/output.mp4'))).nb_read_frames).toBe('72');
});

if (runsHeavy('worker'))
  test('the first 16 slices of many give a preview of the shot', async () => {
    const child = (index: number) =>
      worker(renderArgs(2), { environment: { ...fake(), AWS_BATCH_JOB_ARRAY_INDEX: String(index) } });
    for (let index = 0; index < 15; index += 1) expect((await child(index)).exitCode).toBe(0);
    expect(existsSync(at('out/preview.mp4'))).toBe(false);
    expect((await child(15)).stdout).toContain('preview.mp4 shows 16 frames spread over the shot');
    const frames = frameFiles(at('out')).map((name) => Number(name.slice(0, 4)));
    expect(frames.filter((_, i) => i % 2 === 0)).toEqual([
      1, 5, 11, 15, 19, 25, 29, 33, 39, 43, 47, 53, 57, 61, 67, 71,
    ]);
    const preview = await probeVideo(at('out/preview.mp4'));
    expect(preview.nb_read_frames).toBe('16');
    expect(Math.abs(Number(preview.format.duration) - FRAMES / 24)).toBeLessThan(0.05);
  }, 300_000);

test('frames that are missing or damaged make no video', async () => {
  cpSync(rendered, at('out'), { recursive: true });
  truncateSync(at('out/frames/0040.png'), 1000);
  const bad = await worker(stitchArgs());
  expect(bad.exitCode).toBe(65);
  expect(errorOf(bad)).toContain('frame 40');
  expect((await probeVideo(at('out/output.partial.mp4'))).nb_read_frames).toBe('72');
  expect(parseGaps(readFileSync(at('out/gaps.json'))).gaps).toMatchObject([{ frame: 40, shown: 39 }]);
  for (const name of ['0007.png', '0020.png', '0021.png', '0022.png']) rmSync(at('out/frames', name));
  const missing = await worker(stitchArgs());
  expect(missing.exitCode).toBe(65);
  expect(errorOf(missing)).toContain('4 of 72 frames');
  expect(errorOf(missing)).toContain('7, 20-22');
  expect(existsSync(at('out/output.mp4'))).toBe(false);
});

if (runsHeavy('worker'))
  test('a frame without its last rows makes no video, though its checksums are right', async () => {
    cpSync(rendered, at('out'), { recursive: true });
    const { resolution } = manifestOf(at('out'));
    const rows = Buffer.alloc((1 + 3 * resolution.width) * (resolution.height - 4));
    writeFileSync(at('out/frames/0040.png'), pngOf(resolution, pngChunk('IDAT', deflateSync(rows))));
    const result = await worker(stitchArgs());
    expect(result.exitCode).toBe(65);
    expect(errorOf(result)).toMatch(/frame 40 .* rows are missing/);
    expect(existsSync(at('out/output.mp4'))).toBe(false);
  });

if (runsHeavy('worker'))
  test('a partial stitch names missing and damaged frames as gaps', async () => {
    cpSync(rendered, at('out'), { recursive: true });
    truncateSync(at('out/frames/0040.png'), 1000);
    rmSync(at('out/frames/0001.png'));
    const { exitCode } = await worker([...stitchArgs(), '--partial']);
    expect(exitCode).toBe(0);
    expect(parseGaps(readFileSync(at('out/gaps.json'))).gaps).toEqual([
      { frame: 1, reason: 'it was not rendered', shown: 2 },
      { frame: 40, reason: expect.stringContaining('its file is damaged: it does not decode'), shown: 39 },
    ]);
    expect((await probeVideo(at('out/output.partial.mp4'))).nb_read_frames).toBe('72');
    expect(existsSync(at('out/output.mp4'))).toBe(false);
  });

test.each<[string, string[], NodeJS.ProcessEnv, number, string]>([
  ['a missing command', [], {}, 64, 'must be render, stitch or probe'],
  [
    'a total that differs from the scene',
    renderArgsOf(10, 50),
    {},
    64,
    "-t is 50 frames, but the render's plan has 72",
  ],
  [
    'a slice beyond the last',
    renderArgsOf(36, 72),
    { AWS_BATCH_JOB_ARRAY_INDEX: '2' },
    64,
    'there is no slice 2',
  ],
  [
    'a missing Blender',
    renderArgsOf(72, 72),
    { SPOTREEL_BLENDER: '/nowhere' },
    64,
    'SPOTREEL_BLENDER is /nowhere',
  ],
])('the worker refuses %s', async (_, args, environment, exitCode, words) => {
  const finished = await worker(
    args.map((arg) => arg.replace('OUT', at('out'))),
    { environment: { ...fake(), ...environment } },
  );
  expect(finished.exitCode).toBe(exitCode);
  expect(errorOf(finished)).toContain(words);
});

function renderArgsOf(f: number, t: number): string[] {
  return ['render', '-i', CLOCK, '-o', 'OUT', '-f', String(f), '-t', String(t)];
}

test('the worker ends with 143 at SIGTERM, without scratch', async () => {
  const environment = fake({ delayMs: 400 });
  const started = startProgram('worker', renderArgs(FRAMES), { environment });
  while (!existsSync(at('out/frames/0003.png'))) await new Promise((resolve) => setTimeout(resolve, 20));
  started.process.kill('SIGTERM');
  expect((await started.finished).exitCode).toBe(143);
  expect(frameFiles(at('out')).length).toBeGreaterThanOrEqual(3);
  expect(readdirSync(at('tmp'))).toEqual([]);
});

if (runsHeavy('worker'))
  test('a killed ffmpeg is a passing fault without a video', async () => {
    cpSync(rendered, at('out'), { recursive: true });
    writeFileSync(at('ffmpeg'), '#!/bin/sh\nkill -KILL $$\n', { mode: 0o755 });
    const killed = await worker(stitchArgs(), { environment: { ...fake(), SPOTREEL_FFMPEG: at('ffmpeg') } });
    expect(killed.exitCode).toBe(75);
    expect(errorOf(killed)).toContain('stitchMemoryMib');
    expect(existsSync(at('out/output.mp4'))).toBe(false);
  });
