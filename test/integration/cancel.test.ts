import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { installFakeBlender } from '../support/fake-blender';
import { survivorsWith } from '../support/processes';
import { onlyRender, frameFiles } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { spotreel, startProgram } from '../support/spotreel';
import { manifestFor } from '../support/stored-render';

jest.setTimeout(120_000);

const at = useScratchFolder();
const SCENE = join(ROOT, 'examples/clock.blend');
const FLAGS = ['--resolution-percent', '10', '--frames', '1-40', '--parallel', '1', '-n', 'clock'];

test('cancel stops a render of another process and keeps its frames', async () => {
  const environment = installFakeBlender(at('blender'), { width: 64, height: 36, delayMs: 300 });
  const rendering = startProgram('spotreel', ['render', SCENE, '-o', at('out'), ...FLAGS], { environment });
  while (!existsSync(at('out/clock/frames/0001.png'))) await sleep(20);
  const folder = onlyRender(at('out'));

  const refused = await spotreel(['delete', 'clock', '-o', at('out'), '--yes']);
  expect(refused).toMatchObject({ exitCode: 2 });
  expect(refused.stderr).toContain('clock is running, or in a queue: stop it first (spotreel cancel clock)');

  const cancelled = await spotreel(['cancel', 'clock', '-o', at('out')]);
  expect(cancelled).toMatchObject({ exitCode: 0 });
  expect(await rendering.finished).toMatchObject({ exitCode: 143 });
  const kept = frameFiles(folder).length;
  expect(kept).toBeGreaterThan(0);
  expect(cancelled.stderr).toContain(`clock is cancelled\nkept: ${kept} of 40 frames`);
  expect(await survivorsWith(at('out'))).toEqual([]);

  const again = await spotreel(['cancel', 'clock', '-o', at('out')]);
  expect(again).toMatchObject({ exitCode: 0 });
  expect(again.stderr).toContain('clock was not running');

  const unasked = await spotreel(['delete', 'clock', '-o', at('out')]);
  expect(unasked).toMatchObject({ exitCode: 2 });
  expect(unasked.stderr).toContain('give --yes');
  expect(existsSync(folder)).toBe(true);
  expect(await spotreel(['delete', 'clock', '-o', at('out'), '--yes'])).toMatchObject({ exitCode: 0 });
  expect(readdirSync(at('out'))).toEqual([]);
});

test("delete deletes nothing outside of the render's folder", async () => {
  for (const name of ['a', 'b']) {
    mkdirSync(at('out', name), { recursive: true });
    writeFileSync(at('out', name, 'manifest.json'), JSON.stringify(manifestFor(name, 1)));
  }
  writeFileSync(at('out/manifest.json'), JSON.stringify(manifestFor('out', 1)));
  writeFileSync(at('mine.txt'), 'mine');
  mkdirSync(at('elsewhere'));
  writeFileSync(at('elsewhere/mine.txt'), 'mine');
  symlinkSync(at('elsewhere'), at('out/a/frames'));
  expect(await spotreel(['delete', 'a', '-o', at('out'), '--yes'])).toMatchObject({ exitCode: 0 });
  expect(readdirSync(at('out')).toSorted()).toEqual(['b', 'manifest.json']);
  expect(readFileSync(at('elsewhere/mine.txt'), 'utf8')).toBe('mine');
  for (const id of ['..', '.', 'b/..', '../out/b', '']) {
    const { exitCode } = await spotreel(['delete', id, '-o', at('out'), '--yes']);
    expect({ id, exitCode }).toEqual({ id, exitCode: 2 });
  }
  expect(readdirSync(at('out')).toSorted()).toEqual(['b', 'manifest.json']);
});
