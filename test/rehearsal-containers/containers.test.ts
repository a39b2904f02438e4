import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SubmitJobCommand } from '@aws-sdk/client-batch';
import { EXIT, parseWorkerEvent } from '../../core/jobs/worker';
import { failureSchema, type SliceReport, sliceReportSchema } from '../../core/render/records';
import { CACHE_FOLDER } from '../../lib/constructs/machines';
import { makeScene } from '../support/blender';
import { runsHeavy } from '../support/heavy';
import { PROJECT_COLOURS, PROJECT_FILES, squaresOf, useProject } from '../support/project';
import { onlyRender } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { spotreel } from '../support/spotreel';
import { decodeFrame, probeVideo } from '../support/video';
import { testCommands } from './commands';
import type { Attempt } from './container-batch';
import { ContainerFarm } from './container-farm';
import { DRIVER_RAN, HOSTILE_LINES, PROBE_RESULTS, probeScript, SCRIPT_RAN } from './hostile-scene';
import { colourCount, differenceOf, largestDifference } from './pixels';
import { Docker } from './docker';
import { BLENDER_OF, type Suite } from './stand-in-base';
import { workerImage } from './worker-image';

// Five minutes on a machine that has not built the images yet.
jest.setTimeout(900_000);

const at = useScratchFolder();
const project = useProject();

let docker: Docker;
let containers: ContainerFarm;
/** Another image, with a newer Blender than this machine's own, takes minutes to build. */
const HAS_TWO_IMAGES = runsHeavy('images');
let newerImage: string;

beforeAll(async () => {
  docker = await Docker.start();
  const build = async (suite: Suite) => (await workerImage(docker, suite)).id;
  const images: Record<string, Promise<string>> = { [BLENDER_OF.bookworm]: build('bookworm') };
  if (HAS_TWO_IMAGES) images[BLENDER_OF.trixie] = build('trixie');
  containers = await ContainerFarm.start(docker, images);
  if (HAS_TWO_IMAGES) newerImage = await images[BLENDER_OF.trixie]!;
});
afterAll(async () => {
  await containers?.stop();
  await docker?.stop();
});

// They list the renders of the farm, so they come first.
testCommands(() => containers);

/** How the attempts ended; jest shows the error of one that should have none. */
const endsOf = (attempts: readonly Attempt[]) =>
  attempts.map(({ index, attempt, exitCode, error }) => ({ index, attempt, exitCode, error }));

function expectAllDone(attempts: readonly Attempt[]): void {
  expect(attempts.length).toBeGreaterThan(1);
  expect(endsOf(attempts).filter(({ exitCode }) => exitCode !== EXIT.done.code)).toEqual([]);
}

async function sliceReport(folder: string, slice: number): Promise<SliceReport> {
  const bytes = await containers.farm.get(`${folder}/slices/${slice}.json`);
  return sliceReportSchema.parse(JSON.parse(Buffer.from(bytes).toString()));
}

test('a film by an array job in containers equals, pixel for pixel, that of this machine', async () => {
  const scene = join(ROOT, 'examples/clock.blend');
  const folder = await containers.upload('uploads/clock.blend', readFileSync(scene), {
    frames: '1-4',
    'frames-per-slice': '2',
    'resolution-percent': '20',
  });
  const attempts = await containers.batch.runJobs();
  expect(endsOf(attempts)).toEqual([
    { index: 0, attempt: 1, exitCode: 0 },
    { index: 1, attempt: 1, exitCode: 0 },
    { index: undefined, attempt: 1, exitCode: 0 },
  ]);
  expect(await containers.farm.status(folder)).toMatchObject({
    state: 'complete',
    frames: { total: 4, stored: 4 },
  });

  const local = at('local');
  const options = ['--frames', '1-4', '-f', '2', '--resolution-percent', '20', '-o', local];
  expect(await spotreel(['render', scene, ...options])).toMatchObject({ exitCode: 0 });
  const own = onlyRender(local);
  for (const frame of ['0001', '0002', '0003', '0004']) {
    const there = await containers.farm.get(`${folder}/frames/${frame}.png`);
    // Not one step of 255: the same Blender of the same distribution, and Cycles' noise depends on the frame alone.
    expect(largestDifference(there, readFileSync(join(own, 'frames', `${frame}.png`)))).toBe(0);
  }
  const video = at('there.mp4');
  writeFileSync(video, await containers.farm.get(`${folder}/output.mp4`));
  const facts = await probeVideo(video);
  expect(facts).toMatchObject({
    codec_name: 'h264',
    pix_fmt: 'yuv420p',
    r_frame_rate: '24/1',
    nb_read_frames: '4',
  });
  for (const index of [0, 1, 2, 3]) {
    const pictures = await Promise.all(
      [video, join(own, 'output.mp4')].map((path) => decodeFrame(path, index)),
    );
    // Two releases of ffmpeg each lose a little of the same frames.
    expect(differenceOf(pictures[0]!, pictures[1]!)).toBeLessThanOrEqual(2);
  }
});

test('a child whose machine is reclaimed is retried and renders only the missing frames', async () => {
  const scene = await makeScene(at('reclaimed.blend'), 'scene.cycles.samples = 400');
  const folder = await containers.upload('uploads/reclaimed.blend', readFileSync(scene), {
    frames: '1-6',
    'frames-per-slice': '3',
  });
  const attempts = await containers.batch.runJobs({
    onLine: (line, container) => {
      // While the second frame renders.
      const isFirst = container.index === 1 && container.attempt === 1;
      if (isFirst && parseWorkerEvent(line)?.event === 'frame-stored') container.reclaim();
    },
  });
  expect(endsOf(attempts)).toEqual([
    { index: 0, attempt: 1, exitCode: 0 },
    { index: 1, attempt: 1, exitCode: undefined },
    { index: 1, attempt: 2, exitCode: 0 },
    { index: undefined, attempt: 1, exitCode: 0 },
  ]);
  const { attempts: reported } = await sliceReport(folder, 1);
  const rendered = reported.flatMap(({ frames }) => frames.map(({ frame }) => frame));
  // The first attempt's last report may have been lost with its machine; the frame was not.
  expect(reported.at(-1)).toMatchObject({ attempt: 2, exitCode: 0 });
  expect(reported.at(-1)!.kept).toBeGreaterThanOrEqual(1);
  expect(reported.at(-1)!.kept + reported.at(-1)!.frames.length).toBe(3);
  expect(new Set(rendered).size).toBe(rendered.length);
  expect(await containers.farm.status(folder)).toMatchObject({
    state: 'complete',
    frames: { total: 6, stored: 6 },
  });
});

test('a scene in a container has the textures and the library of its project', async () => {
  project(at('project'));
  for (const path of PROJECT_FILES) {
    await containers.farm.put(`uploads/${path}`, readFileSync(at('project', path)));
  }
  const scene = readFileSync(at('project/film/shot.blend'));
  const folder = await containers.upload('uploads/film/shot.blend', scene, { 'frames-per-slice': '2' });
  expectAllDone(await containers.batch.runJobs());
  for (const [frame, colours] of Object.entries(PROJECT_COLOURS)) {
    const png = await containers.farm.get(`${folder}/frames/${frame.padStart(4, '0')}.png`);
    expect(squaresOf(png)).toEqual(colours);
  }
});

test('EEVEE and Cycles render without a GPU or a display', async () => {
  const folders: string[] = [];
  for (const [name, engine] of [
    ['cycles', 'CYCLES'],
    ['eevee', 'BLENDER_EEVEE'],
  ]) {
    const lines = `scene.render.engine = '${engine}'\nscene.eevee.taa_render_samples = 1`;
    const scene = readFileSync(await makeScene(at(`${name}.blend`), lines));
    folders.push(await containers.upload(`uploads/${name}.blend`, scene, { frames: '1' }));
  }
  expectAllDone(await containers.batch.runJobs());
  for (const folder of folders) {
    // Black, blank or pink would be one colour; a lit cube before a grey world is many.
    expect(colourCount(await containers.farm.get(`${folder}/frames/0001.png`))).toBeGreaterThan(50);
  }
});

/** The version of the image's Blender in a job's log. */
const blenderIn = ({ lines }: Attempt) => /Blender (\d+\.\d+\.\d+)/.exec(lines.join('\n'))?.[1];

(HAS_TWO_IMAGES ? describe : describe.skip)('a farm with two Blenders', () => {
  test('a scene of a newer Blender is rendered by the image with that Blender', async () => {
    const save = [
      'import bpy',
      // Debian's Blender can't.
      'bpy.context.scene.cycles.use_denoising = False',
      "bpy.ops.wm.save_as_mainfile(filepath='/out/saved.blend')",
    ].join('\n');
    const run = ['run', '--rm', '--user', '0', '--volume', `${at()}:/out`];
    const blender = ['-b', '--factory-startup', '--python-expr', save];
    await docker.run(...run, '--entrypoint', 'blender', newerImage, ...blender);
    const folder = await containers.upload('uploads/saved.blend', readFileSync(at('saved.blend')), {
      frames: '1',
      samples: '1',
      engine: 'CYCLES',
      'resolution-percent': '10',
    });
    const attempts = await containers.batch.runJobs();
    expectAllDone(attempts);
    expect(blenderIn(attempts[0]!)).toBe(BLENDER_OF.trixie);
    expect(colourCount(await containers.farm.get(`${folder}/frames/0001.png`))).toBeGreaterThan(50);
  });

  test('a newer Blender renders an older scene that was submitted by hand', async () => {
    // At a key that starts no render.
    const key = 'uploads/by/hand/older.blend';
    await containers.farm.put(key, readFileSync(await makeScene(at('older.blend'))));
    const { bucket, jobQueue, renderDefinitions } = containers.farm.description;
    await containers.farm.batch.send(
      new SubmitJobCommand({
        jobName: 'by-hand',
        jobQueue,
        jobDefinition: renderDefinitions.at(-1)!.jobDefinition,
        parameters: {
          input: `s3://${bucket}/${key}`,
          output: `s3://${bucket}/renders/by-hand`,
          framesPerSlice: '6',
          totalFrames: '6',
        },
      }),
    );
    const [attempt, ...more] = await containers.batch.runJobs();
    expect(endsOf([attempt!])).toEqual([{ index: undefined, attempt: 1, exitCode: 0 }]);
    expect(more).toEqual([]);
    expect(blenderIn(attempt!)).toBe(BLENDER_OF.trixie);
    expect(await containers.farm.keys('renders/by-hand/frames/')).toHaveLength(6);
  });

  test('a scene newer than every image’s Blender is refused with a list of the versions', async () => {
    const newer = readFileSync(join(ROOT, 'test/fixtures/blend/5.2-raw.blend'));
    await containers.farm.put('uploads/newer.blend', newer, { frames: '101' });
    const { state, findings } = await containers.farm.status('renders/newer');
    expect(state).toBe('refused');
    const [tooOld] = findings.filter(({ code }) => code === 'blender-too-old');
    expect(tooOld?.message).toMatch(/saved by Blender 5\.2.*3\.4 and 4\.3/);
    expect(await containers.batch.runJobs()).toEqual([]);
  });
});

test('a frame that needs more memory than its container fails after one retry, and names the setting', async () => {
  const lines = "scene.objects['Cube'].modifiers.new('Fine', 'SUBSURF').render_levels = 10";
  const large = readFileSync(await makeScene(at('large.blend'), lines));
  const folder = await containers.upload('uploads/large.blend', large, { frames: '1' });
  const [attempt, ...more] = await containers.batch.runJobs({ memoryMib: 500 });
  // Blender was killed, and the worker survived to report it.
  expect(attempt).toMatchObject({ attempt: 1, exitCode: EXIT.scene.code });
  expect(more).toEqual([]);
  const failure = failureSchema.parse(
    JSON.parse(Buffer.from(await containers.farm.get(`${folder}/failures/1.json`)).toString()),
  );
  expect(failure.reason).toMatch(/out of memory: Blender was ended by SIGKILL; .*renderMemoryMib/);
  // A retry with twice the memory, which is not enough either.
  expect(await containers.farm.status(folder)).toMatchObject({ state: 'rescuing', frames: { stored: 0 } });
  const retried = await containers.batch.runJobs({ memoryMib: 500 });
  expect(retried).toMatchObject([{ attempt: 1, exitCode: EXIT.scene.code }]);
  const failed = await containers.farm.statusIn(folder, 'failed');
  expect(failed).toMatchObject({ frames: { stored: 0 } });
  expect(await containers.batch.runJobs()).toEqual([]);
});

test('a hostile scene in a container writes nothing outside of its render', async () => {
  const scene = readFileSync(await makeScene(at('hostile.blend'), HOSTILE_LINES));
  const folder = await containers.upload('uploads/hostile.blend', scene, { frames: '1' });
  const askedBefore = containers.credentials.asked();
  const attempts = await containers.batch.runJobs();
  expectAllDone(attempts);
  const said = attempts.flatMap(({ lines }) => lines).join('\n');
  expect(said).not.toContain(SCRIPT_RAN);
  expect(said).not.toContain(DRIVER_RAN);
  // The two workers themselves.
  expect(containers.credentials.asked() - askedBefore).toBe(2);
  expect(colourCount(await containers.farm.get(`${folder}/frames/0001.png`))).toBeGreaterThan(50);
  expect(await containers.batch.volumes()).toEqual([]);
  // Only the cache outlives a container that can write to it; its entries are named by hashes.
  const cached = readdirSync(join(containers.batch.machine, CACHE_FOLDER));
  expect(cached.filter((name) => !/^[0-9a-f]{32}$/.test(name))).toEqual([]);
});

test('a script that runs within Blender reaches no credentials and writes nowhere', async () => {
  const probe = at('probe.py');
  const script = readFileSync(join(ROOT, 'container/worker/blender/render_frames.py'), 'utf8');
  const { credentials, aws } = containers;
  writeFileSync(probe, script + probeScript(credentials.url, new URL(aws.endpoint)));
  const scene = readFileSync(await makeScene(at('probed.blend')));
  await containers.upload('uploads/probed.blend', scene, { frames: '1' });
  const attempts = await containers.batch.runJobs({ shown: { [probe]: '/opt/spotreel/render_frames.py' } });
  const said = attempts.flatMap(({ lines }) => lines).find((line) => line.includes(PROBE_RESULTS))!;
  const results: unknown = JSON.parse(resultsIn(said));
  const denied = Object.fromEntries(Object.keys(Object(results)).map((deed) => [deed, false]));
  // Each container has a /dev/shm of its own, which ends with it; ADR 11 grants it to drivers.
  const granted = { 'write into the scratch folder': true, 'write into /dev/shm': true };
  expect(results).toEqual({ ...denied, ...granted });
});

/** The probe's JSON from the worker's event with Blender's line. */
function resultsIn(event: string): string {
  const line: string = JSON.parse(event).line;
  return line.slice(line.indexOf(PROBE_RESULTS) + PROBE_RESULTS.length);
}
