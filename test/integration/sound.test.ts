import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { clicksWav, clickTimes, decodeSound, probeAudio, secondsOf } from '../support/audio';
import { makeScene } from '../support/blender';
import { fewOrAll, runsHeavy } from '../support/heavy';
import { useScratchFolder } from '../support/scratch-folder';
import { survivorsWith } from '../support/processes';
import { spotreel, startProgram, worker } from '../support/spotreel';
import { decodeGreys, probeVideo } from '../support/video';

jest.setTimeout(240_000);

const at = useScratchFolder();

/** 29.97: what is out of step shows over some seconds. */
const FPS = 30_000 / 1001;

/** Where it clicks and flashes, in frames of the scene. */
const CLICKS = [12, 30, 71, 101, 120];

/** The scene's sequencer shows black, white where it clicks, and plays the sound from frame 10 on. */
const sequencer = (sound: string) => `
scene.render.fps, scene.render.fps_base = 30, 1.001
scene.frame_start, scene.frame_end = 25, 110
strips = scene.sequence_editor_create().sequences
strips.new_sound('Clicks', ${JSON.stringify(sound)}, 1, 10).sound.filepath = '//clicks.wav'
black = strips.new_effect('Black', 'COLOR', 2, 1, frame_end=300)
black.color = (0, 0, 0)
for frame in ${JSON.stringify(CLICKS)}:
    white = strips.new_effect('White', 'COLOR', 3, frame, frame_end=frame + 1)
    white.color = (1, 1, 1)
`;

function writeClicks(): void {
  const times = CLICKS.map((frame) => (frame - 10) / FPS);
  writeFileSync(at('clicks.wav'), clicksWav(times, 10));
}

async function makeFilm(lines = ''): Promise<string> {
  writeClicks();
  return makeScene(at('film.blend'), `${sequencer(at('clicks.wav'))}\n${lines}`);
}

const render = (...flags: string[]) =>
  spotreel(['render', at('film.blend'), '-o', at('out'), '-n', 'film', '--json', ...flags]);

const stitch = (environment: NodeJS.ProcessEnv = {}) =>
  worker(['stitch', '-i', at('out/film'), '-o', at('out/film')], { environment });

/** Seconds at which the picture flashes. */
async function flashTimes(path: string): Promise<number[]> {
  const greys = await decodeGreys(path);
  return greys.flatMap((grey, i) => (grey > 128 ? [i / FPS] : []));
}

/** In order, how far each click is from its flash, in frames. */
async function framesApart(path: string): Promise<number[]> {
  const flashes = await flashTimes(path);
  const clicks = clickTimes(await decodeSound(path));
  expect(clicks).toHaveLength(flashes.length);
  return flashes.map((time, i) => Math.abs(clicks[i]! - time) * FPS);
}

test('sound stays within a frame of the picture in every format with sound', async () => {
  await makeFilm();
  const { exitCode, stdout, stderr } = await render('--frames', '30-101');
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: expect.any(String) });
  expect(JSON.parse(stdout).findings.map(({ code }: { code: string }) => code)).not.toContain('sound-failed');
  const manifestPath = at('out/film/manifest.json');
  const manifest = JSON.parse(readFileSync(manifestPath, 'utf8'));
  expect(manifest).toMatchObject({ sound: true, frameCount: 72 });
  const sounding = [
    ['h264', 'output.mp4', 'aac'],
    ['hevc', 'output.mp4', 'aac'],
    ['prores', 'output.mov', 'pcm_s24le'],
    ['vp9', 'output.webm', 'opus'],
    ['gif', 'output.gif', undefined],
  ] as const;
  const formats = fewOrAll('sound', sounding, ([video]) => ['h264', 'gif'].includes(video));
  for (const [video, name, codec] of formats) {
    writeFileSync(manifestPath, JSON.stringify({ ...manifest, options: { ...manifest.options, video } }));
    expect(await stitch()).toMatchObject({ exitCode: 0 });
    const path = at('out/film', name);
    const audio = await probeAudio(path);
    expect([video, audio?.codec_name]).toEqual([video, codec]);
    expect((await probeVideo(path)).nb_read_frames).toBe('72');
    if (codec === undefined) continue;
    expect(audio).toMatchObject({ sample_rate: '48000', channels: 2 });
    expect(await flashTimes(path)).toEqual([0, 41 / FPS, 71 / FPS]);
    const apart = await framesApart(path);
    expect([video, Math.max(...apart) < 0.5]).toEqual([video, true]);
    expect(Math.abs(secondsOf(await decodeSound(path)) - 72 / FPS) * FPS).toBeLessThan(1);
  }
  expect((await probeAudio(at('out/film/preview.mp4')))?.codec_name).toBe(undefined);
});

if (runsHeavy('sound'))
  test('the preview and a video with gaps have the sound', async () => {
    await makeFilm();
    await render('--frames', '30-75');
    expect((await probeAudio(at('out/film/preview.mp4')))?.codec_name).toBe('aac');
    rmSync(at('out/film/frames/0060.png'));
    const result = await worker(['stitch', '--partial', '-i', at('out/film'), '-o', at('out/film')]);
    expect(result).toMatchObject({ exitCode: 0 });
    expect(await framesApart(at('out/film/output.partial.mp4'))).toEqual([
      expect.any(Number),
      expect.any(Number),
    ]);
  });

if (runsHeavy('sound'))
  test('a video without one of two sounds is partial, with the other sound', async () => {
    await makeFilm(`strips.new_sound('Song', '//sounds/gone.wav', 4, 10)`);
    const { exitCode, stdout } = await render('--frames', '30-40');
    expect(exitCode).toBe(3);
    const [finding] = JSON.parse(stdout).findings;
    expect(finding).toMatchObject({ code: 'sound-missing', severity: 'warning', path: '//sounds/gone.wav' });
    expect(await framesApart(at('out/film/output.partial.mp4'))).toHaveLength(1);
    expect(existsSync(at('out/film/output.mp4'))).toBe(false);
    const status = await spotreel(['status', 'film', '-o', at('out')]);
    expect(status).toMatchObject({
      exitCode: 3,
      stdout: expect.stringMatching(
        /partial: .*\n.*the video lacks the sound of \/\/sounds\/gone\.wav, which is missing/,
      ),
    });
    // Gone since it was planned.
    rmSync(at('clicks.wav'));
    const { exitCode: again, stdout: log } = await stitch();
    expect(again).toBe(0);
    const line = log.split('\n').find((text) => text.includes('"warning"'))!;
    expect(JSON.parse(line)).toMatchObject({
      code: 'sound-missing',
      message: expect.stringContaining('//clicks.wav'),
    });
    expect(line).not.toContain('gone.wav');
    expect(readFileSync(at('out/film/report.html'), 'utf8')).toContain('lacks the sound of //clicks.wav');
  });

if (runsHeavy('sound'))
  test('a missing sound that is muted or outside the frames leaves the video whole', async () => {
    for (const name of ['later.wav', 'muted.wav']) writeFileSync(at(name), clicksWav([0.1], 2));
    await makeFilm(`
strips.new_sound('Later', ${JSON.stringify(at('later.wav'))}, 4, 200).sound.filepath = '//later.wav'
muted = strips.new_sound('Muted', ${JSON.stringify(at('muted.wav'))}, 5, 10)
muted.sound.filepath = '//muted.wav'
muted.mute = True
`);
    for (const name of ['later.wav', 'muted.wav']) rmSync(at(name));
    const { exitCode } = await render('--frames', '30-40');
    expect(exitCode).toBe(0);
    expect(existsSync(at('out/film/output.mp4'))).toBe(true);
  });

if (runsHeavy('sound'))
  test('the same command completes a video whose sound failed', async () => {
    await makeFilm();
    await render('--frames', '30-40');
    const failing = at('blender');
    writeFileSync(failing, '#!/bin/sh\nexit 3\n');
    chmodSync(failing, 0o755);
    await stitch({ SPOTREEL_BLENDER: failing, SPOTREEL_BLENDER_VERSION: '3.4.1' });
    expect(existsSync(at('out/film/output.partial.mp4'))).toBe(true);
    expect((await render('--frames', '30-40')).exitCode).toBe(0);
    expect(existsSync(at('out/film/output.mp4'))).toBe(true);
    for (const name of ['output.partial.mp4', 'gaps.json'])
      expect(existsSync(at('out/film', name))).toBe(false);
  });

if (runsHeavy('sound'))
  test('a Blender that fails at the sound leaves a partial video with the reason', async () => {
    await makeFilm();
    await render('--frames', '30-40');
    const failing = at('blender');
    writeFileSync(failing, '#!/bin/sh\necho "Error: no sound today" >&2\nexit 3\n');
    chmodSync(failing, 0o755);
    const environment = { SPOTREEL_BLENDER: failing, SPOTREEL_BLENDER_VERSION: '3.4.1' };
    const { exitCode, stdout } = await stitch(environment);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(
      'the video has no sound: Error: no sound today (Blender ended with exit code 3)',
    );
    const path = at('out/film/output.partial.mp4');
    expect(existsSync(at('out/film/output.mp4'))).toBe(false);
    expect(JSON.parse(readFileSync(at('out/film/gaps.json'), 'utf8'))).toMatchObject({
      gaps: [],
      sound: [expect.stringContaining('no sound today')],
    });
    expect(await probeAudio(path)).toBeUndefined();
    expect((await probeVideo(path)).nb_read_frames).toBe('11');
    expect(readFileSync(at('out/film/report.html'), 'utf8')).toContain('no sound today');
    const old = await stitch({ SPOTREEL_BLENDER_VERSION: '2.93.0' });
    expect(old).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('the video has no sound: ') });
  });

if (runsHeavy('sound'))
  test('a stop while sound is mixed leaves neither a Blender nor a video', async () => {
    await makeFilm();
    await render('--frames', '30-31');
    rmSync(at('out/film/output.mp4'));
    const endless = at('blender');
    writeFileSync(endless, '#!/bin/sh\necho mixing without end\nexec sleep 600\n');
    chmodSync(endless, 0o755);
    const environment = { SPOTREEL_BLENDER: endless, SPOTREEL_BLENDER_VERSION: '3.4.1', TMPDIR: at() };
    const args = ['stitch', '-i', at('out/film'), '-o', at('out/film')];
    const { process: stitching, finished } = startProgram('worker', args, { environment });
    await new Promise<void>((resolve) => {
      stitching.stdout!.on('data', (said) => {
        if (String(said).includes('mixing without end')) resolve();
      });
    });
    stitching.kill('SIGTERM');
    const { exitCode } = await finished;
    expect(exitCode).toBe(143);
    expect(await survivorsWith(at())).toEqual([]);
    expect(existsSync(at('out/film/output.mp4'))).toBe(false);
  });

if (runsHeavy('sound'))
  test('a render that leaves out frames has no sound, with a warning', async () => {
    await makeFilm();
    const { exitCode, stdout } = await render('--frames', '30-40x2');
    expect(exitCode).toBe(0);
    const { findings } = JSON.parse(stdout);
    expect(findings).toEqual([expect.objectContaining({ code: 'sound-left-out', severity: 'warning' })]);
    expect(await probeAudio(at('out/film/output.mp4'))).toBeUndefined();
  });

if (runsHeavy('sound'))
  test('a scene without sound starts no Blender for its video', async () => {
    await makeScene(at('film.blend'));
    await render('--frames', '1-2');
    const noting = at('blender');
    writeFileSync(noting, `#!/bin/sh\necho started >> '${at('started')}'\nexit 1\n`);
    chmodSync(noting, 0o755);
    // In the sandbox it could not note it.
    const environment = { SPOTREEL_BLENDER: noting, SPOTREEL_SANDBOX: 'off' };
    expect(await stitch(environment)).toMatchObject({ exitCode: 0 });
    expect(existsSync(at('started'))).toBe(false);
  });

if (runsHeavy('sound'))
  test("a video has a packed sound and a speaker's sound as the camera hears them", async () => {
    mkdirSync(at('lost'));
    writeFileSync(at('lost/clicks.wav'), clicksWav([0.5], 2));
    const lines = `
scene.render.fps = 24
scene.camera.location = (0, 0, 0)
bpy.ops.object.speaker_add(location=(0, 0, -1))
speaker = bpy.context.object
speaker.data.sound = bpy.data.sounds.load(${JSON.stringify(at('lost/clicks.wav'))})
speaker.data.sound.pack()
speaker.animation_data.nla_tracks[0].strips[0].frame_end = 48
for mesh in [thing for thing in bpy.data.objects if thing.type == 'MESH']:
    bpy.data.objects.remove(mesh)
`;
    await makeScene(at('film.blend'), lines);
    rmSync(at('lost'), { recursive: true });
    const { exitCode, stdout } = await render('--frames', '1-24');
    expect(exitCode).toBe(0);
    const { findings } = JSON.parse(stdout);
    expect(findings).toEqual([
      expect.objectContaining({ code: 'speakers', message: expect.stringContaining('"Speaker"') }),
    ]);
    const [click] = clickTimes(await decodeSound(at('out/film/output.mp4')));
    expect(Math.abs(click! - 0.5) * 24).toBeLessThan(1);
  });
