import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { sliceReportSchema } from '../../core/render/records';
import { makeScene } from '../support/blender';
import { fewOrAll, runsHeavy } from '../support/heavy';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { type Finished, spotreel, type Started, startProgram } from '../support/spotreel';
import { probeVideo } from '../support/video';
import type { ContainerFarm } from './container-farm';

const SCENE = join(ROOT, 'examples/clock.blend');
const FLAGS = ['--frames', '1-4', '-f', '2', '--resolution-percent', '20'];

/** A place where a user works, with its renders. */
interface Place {
  /** Runs a command there to its end. */
  run(...args: string[]): Promise<Finished>;
  /** Has a scene rendered, and gives the render's id; on the farm it is submitted, no more. */
  render(scene: string, ...flags: string[]): Promise<string>;
  /** Starts a long render. Gives its id once it has begun, and a promise of its end after it was stopped. */
  begin(scene: string, ...flags: string[]): Promise<{ id: string; stopped: () => Promise<unknown> }>;
  /** Runs all submitted jobs. */
  work(): Promise<void>;
  /** An object of a render. */
  read(id: string, key: string): Promise<Uint8Array>;
  remove(id: string, key: string): Promise<void>;
}

function parsed({ exitCode, stdout, stderr }: Finished) {
  // Shown by jest if it differs.
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  return JSON.parse(stdout);
}

/**
 * The tests of the commands, on the farm and on this machine. `containers` gives the farm, on which there is no render yet.
 */
export function testCommands(containers: () => ContainerFarm): void {
  const at = useScratchFolder();

  function onTheFarm(): Place {
    const { aws, farm, batch } = containers();
    const desk = at('desk');
    mkdirSync(desk, { recursive: true });
    const environment = { ...aws.environment(), SPOTREEL_FARM_NAME: 'main' };
    const run = (...args: string[]) => spotreel(args, { cwd: desk, environment });
    const render = async (scene: string, ...flags: string[]) => {
      const [{ jobName }] = parsed(await run('submit', scene, ...flags));
      return String(jobName).replace(/_Rendering$/, '');
    };
    return {
      run,
      render,
      begin: async (scene, ...flags) => ({
        id: await render(scene, ...flags),
        stopped: async () => undefined,
      }),
      work: async () => void (await batch.runJobs()),
      read: (id, key) => farm.get(`renders/${id}/${key}`),
      remove: async (id, key) => {
        const { bucket } = farm.description;
        await farm.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: `renders/${id}/${key}` }));
      },
    };
  }

  function onThisMachine(): Place {
    const desk = at('desk');
    mkdirSync(desk, { recursive: true });
    const path = (id: string, key: string) => join(desk, 'renders', id, key);
    const run = (...args: string[]) => spotreel(args, { cwd: desk });
    return {
      run,
      render: async (scene, ...flags) => parsed(await run('render', scene, '--json', ...flags)).renderId,
      begin: async (scene, ...flags) => {
        const rendering: Started = startProgram('spotreel', ['render', scene, '-n', 'long', ...flags], {
          cwd: desk,
        });
        while (!readdirSync(desk, { recursive: true }).some((name) => String(name).endsWith('.png')))
          await sleep(50);
        return { id: 'long', stopped: () => rendering.finished };
      },
      work: async () => undefined,
      read: async (id, key) => readFileSync(path(id, key)),
      remove: async (id, key) => rmSync(path(id, key)),
    };
  }

  const places = [
    {
      where: 'on a farm whose jobs are containers',
      open: onTheFarm,
      looked: ['credentials', 'farm', 'bucket', 'queue', 'image'],
      // The emulator finds no compute environment by its ARN, and the image is in no registry.
      wrong: ['machines', 'image'],
    },
    { where: 'on this machine', open: onThisMachine, looked: ['AWS'], wrong: [] },
  ];
  // test/integration has each command on this machine, and the watch folder.
  const isUsual = ({ open }: (typeof places)[number]) => open === onTheFarm;
  describe.each(fewOrAll('images', places, isUsual))('$where', ({ open, looked, wrong }) => {
    test('inspect, render, watch, download and delete work', async () => {
      const place = open();
      const inspected = parsed(await place.run('inspect', SCENE, '--json'));
      expect(inspected).toMatchObject({ activeScene: 'Clock', findings: [] });

      const tested = await place.run('estimate', SCENE, '--test-frames', '2', ...FLAGS, '--json');
      expect(parsed(tested)).toMatchObject({ frameCount: 4 });

      const id = await place.render(SCENE, ...FLAGS);
      await place.work();
      expect(parsed(await place.run('list', '--json'))).toMatchObject({ renderId: id, state: 'complete' });
      const status = parsed(await place.run('status', '--json'));
      expect(status).toMatchObject({
        renderId: id,
        state: 'complete',
        frames: { total: 4, stored: 4, failed: 0 },
      });
      const watched = await place.run('watch', id);
      expect(watched).toMatchObject({ exitCode: 0 });
      expect(watched.stdout).toContain(`${id}: complete`);

      // Only of the second slice's first frame: Blender's line after it saved the frame.
      const logged = await place.run('logs', id, '--frame', '3');
      expect(logged).toMatchObject({ exitCode: 0 });
      expect(logged.stdout).toMatch(/Saved:.*0003/);
      expect(logged.stdout).not.toMatch(/Saved:.*000[124]/);
      const receipt = parsed(await place.run('receipt', id, '--json'));
      expect(receipt).toMatchObject({ renderId: id, frames: { total: 4, stored: 4 } });

      expect(parsed(await place.run('download', id, 'film', '--json'))).toMatchObject({ state: 'complete' });
      const film = at('desk/film');
      expect(readdirSync(join(film, 'frames'))).toEqual(['0001.png', '0002.png', '0003.png', '0004.png']);
      expect(await probeVideo(join(film, 'output.mp4'))).toMatchObject({ nb_read_frames: '4' });

      expect(await place.run('delete', id, '--yes')).toMatchObject({ exitCode: 0 });
      expect(await place.run('list', '--json')).toMatchObject({ exitCode: 0, stdout: '' });
    });

    test('retry renders only the missing frames', async () => {
      const place = open();
      const id = await place.render(SCENE, ...FLAGS, '-n', 'torn');
      await place.work();
      const others = [await place.read(id, 'frames/0001.png'), await place.read(id, 'frames/0004.png')];
      await place.remove(id, 'frames/0003.png');
      await place.remove(id, 'output.mp4');
      expect(await place.run('retry', id)).toMatchObject({ exitCode: 0 });
      await place.work();
      expect(parsed(await place.run('status', id, '--json'))).toMatchObject({
        state: 'complete',
        frames: { total: 4, stored: 4 },
      });
      expect(await place.read(id, 'output.mp4')).not.toHaveLength(0);
      expect(await place.read(id, 'frames/0001.png')).toEqual(others[0]);
      expect(await place.read(id, 'frames/0004.png')).toEqual(others[1]);
      const { attempts } = sliceReportSchema.parse(
        JSON.parse(Buffer.from(await place.read(id, 'slices/1.json')).toString()),
      );
      expect(attempts.map(({ frames }) => frames.map(({ frame }) => frame))).toEqual([[3, 4], [3]]);
      const nothing = await place.run('retry', id);
      expect(nothing).toMatchObject({ exitCode: 0 });
      expect(nothing.stderr).toMatch(/nothing/);
    });

    test('doctor checks every part and finds the faults', async () => {
      const { stdout } = await open().run('doctor', '--json');
      const { checks }: { checks: Array<{ name: string; state: string }> } = JSON.parse(stdout);
      expect(checks.map(({ name }) => name)).toEqual(
        expect.arrayContaining(['Blender', 'ffmpeg', ...looked]),
      );
      // Each Blender has an image.
      const names = new Set(checks.filter(({ state }) => state === 'wrong').map(({ name }) => name));
      expect([...names]).toEqual(wrong);
    });

    test('cancel stops a render and keeps its frames', async () => {
      const place = open();
      const scene = await makeScene(at('long.blend'), 'scene.cycles.samples = 400');
      const { id, stopped } = await place.begin(scene, '--frames', '1-200', '-f', '100');
      const cancelled = await place.run('cancel', id);
      expect(cancelled).toMatchObject({ exitCode: 0 });
      expect(cancelled.stderr).toContain(`${id} is cancelled\nkept: `);
      await stopped();
      await place.work();
      expect(await place.run('status', id)).toMatchObject({ exitCode: 1 });
      expect(await place.run('cancel', id)).toMatchObject({
        exitCode: 0,
        stderr: expect.stringContaining('was not running'),
      });
      expect(await place.run('delete', id, '--yes')).toMatchObject({ exitCode: 0 });
    });
  });

  (runsHeavy('images') ? test : test.skip)('a watch folder is a farm, too', async () => {
    const watched = at('watched');
    mkdirSync(join(watched, 'uploads'), { recursive: true });
    copyFileSync(SCENE, join(watched, 'uploads/clock.blend'));
    const options = { frames: '1-2', 'resolution-percent': 20 };
    writeFileSync(join(watched, 'uploads/clock.blend.json'), JSON.stringify(options));
    expect(await spotreel(['farm', watched, '--once'])).toMatchObject({ exitCode: 0 });
    const listed = await spotreel(['list', '-o', join(watched, 'renders'), '--json']);
    expect(parsed(listed)).toMatchObject({ state: 'complete', frames: { total: 2, stored: 2 } });
  });
}
