import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { makeScene } from '../support/blender';
import { runsHeavy } from '../support/heavy';
import { useScratchFolder } from '../support/scratch-folder';
import { spotreel } from '../support/spotreel';
import { probeVideo } from '../support/video';

jest.setTimeout(120_000);

const at = useScratchFolder();

const render = (...flags: string[]) =>
  spotreel(['render', at('still.blend'), '-o', at('out'), '-n', 'still', '--frames', '7', ...flags]);

test('a still is a picture in messages, report, status and download, without a video', async () => {
  await makeScene(at('still.blend'));
  const { exitCode, stderr } = await render();
  expect(exitCode).toBe(0);
  const lines = stderr.trim().split('\n');
  expect(lines.slice(-2)).toEqual([
    `picture: ${at('out/still/frames/0007.png')}`,
    `report: ${at('out/still/report.html')}`,
  ]);
  expect(lines.at(-3)).toMatch(/^1 frame of \d+×\d+ in /);
  expect(stderr).not.toMatch(/\b1 (frames|slices)/);
  for (const name of ['output.mp4', 'preview.mp4', 'contact-sheet.jpg'])
    expect(existsSync(at('out/still', name))).toBe(false);
  const report = readFileSync(at('out/still/report.html'), 'utf8');
  expect(report).toContain('src="data:image/jpeg;base64,');
  expect(report).toContain('<a href="frames/0007.png">');
  expect(report).not.toMatch(/\b1 (frames|slices)\b/);
  const status = await spotreel(['status', 'still', '-o', at('out')]);
  expect(status).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('still: complete') });
  expect(status.stdout).not.toContain('video');
  const download = await spotreel(['download', 'still', at('copy'), '-o', at('out'), '--json']);
  expect(download.exitCode).toBe(0);
  expect(JSON.parse(download.stdout)).toMatchObject({ state: 'complete', frames: { wanted: 1, here: 1 } });
  expect(JSON.parse(download.stdout)).not.toHaveProperty('video');
  const copied = [`picture: ${at('copy/frames/0007.png')}`, `report: ${at('copy/report.html')}`];
  expect(download.stderr.trim().split('\n').slice(-2)).toEqual(copied);
  const watch = await spotreel(['watch', 'still', '-o', at('out')]);
  expect(watch.stdout.trim().split('\n').slice(-2)).toEqual(lines.slice(-2));
  rmSync(at('out/still/frames/0007.png'));
  const retry = await spotreel(['retry', 'still', '-o', at('out')]);
  expect(retry.stderr.trim().split('\n').slice(-2)).toEqual(lines.slice(-2));
});

if (runsHeavy('commands'))
  test('a still has a video if one is asked for', async () => {
    await makeScene(at('still.blend'));
    expect((await render('--video', 'h264')).exitCode).toBe(0);
    expect((await probeVideo(at('out/still/output.mp4'))).nb_read_frames).toBe('1');
  });

if (runsHeavy('commands'))
  test('a still renders with all cores', async () => {
    // The scene itself asks for one thread, and prints how many it gets.
    const script = `
scene.render.threads_mode, scene.render.threads = 'FIXED', 1
text = bpy.data.texts.new('threads.py')
text.use_module = True
text.write('import bpy\\nbpy.app.handlers.render_pre.append('
           'lambda scene, *_: print("threads are", scene.render.threads_mode, scene.render.threads, flush=True))')`;
    await makeScene(at('still.blend'), script);
    // Other renders of this machine would share the cores.
    const environment = { XDG_CACHE_HOME: at('cache') };
    const flags = ['-o', at('out'), '-n', 'still', '--frames', '7', '--allow-scripts'];
    const { exitCode } = await spotreel(['render', at('still.blend'), ...flags], { environment });
    expect(exitCode).toBe(0);
    const folder = at('out/still/.batch');
    const logs = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.log'),
    );
    const log = logs.map((path) => readFileSync(join(folder, path), 'utf8')).join('');
    expect(log).toContain(`threads are FIXED ${availableParallelism()}`);
  });
