import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { askBlenderVersion, findProgram } from '../../container/worker/programs';
import { frameName } from '../../core/render/keys';
import { settingsSchema } from '../../lib/settings/settings';
import { comparePictures, type Difference } from '../support/compare-pictures';
import { fewOrAll } from '../support/heavy';
import { onlyRender } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { spotreel } from '../support/spotreel';

jest.setTimeout(300_000);

const at = useScratchFolder();
const GOLDEN = join(ROOT, 'test/fixtures/golden');

/** If set, golden frames are made again for the Blender in use and nothing is compared. */
const IS_MAKING = process.env.SPOTREEL_GOLDEN === 'make';

/** Versions that must have golden frames: Debian's, which the tests usually have, and those of a farm's own image. */
const NAMED = ['3.4', ...settingsSchema.shape.blenderVersions.parse(undefined).map(seriesOf)];

/**
 * Cycles without AVX and SSE 4.1 was seen to differ by 1 at most, an exposure that is 0.05 off by 0.5 on average, the next
 * Blender at hand (4.5 after 3.4) by 2 and more. OpenGL is not as exact from one driver to the next.
 */
const CYCLES: Difference = { mean: 0.2, max: 8 };
const OPENGL: Difference = { mean: 0.4, max: 32 };

interface Scene {
  readonly name: string;
  readonly file: string;
  readonly frames: readonly number[];
  readonly flags?: readonly string[];
  readonly tolerance: Difference;
}

const SCENES: readonly Scene[] = [
  {
    name: 'clock',
    file: 'examples/clock.blend',
    frames: [20, 55],
    flags: ['--resolution-percent', '25'],
    tolerance: CYCLES,
  },
  { name: 'eevee', file: 'test/fixtures/golden/eevee.blend', frames: [1], tolerance: OPENGL },
  { name: 'compositor', file: 'test/fixtures/golden/compositor.blend', frames: [1, 2], tolerance: CYCLES },
  { name: 'alpha', file: 'test/fixtures/golden/alpha.blend', frames: [1], tolerance: CYCLES },
];

test.each(fewOrAll('worker', SCENES, ({ name }) => IS_MAKING || name === 'eevee'))(
  'frames of the scene $name equal their golden frames',
  async (scene) => {
    const series = seriesOf(await versionAtHand());
    const folder = join(GOLDEN, series);
    if (!IS_MAKING && !existsSync(folder) && !NAMED.includes(series)) {
      console.warn(`NOT TESTED: there are no golden frames of Blender ${series} in ${folder}`);
      return;
    }
    const rendered = await render(scene);
    if (IS_MAKING) return keep(scene, rendered, folder);
    const faults = [...rendered].flatMap(([frame, bytes]) => faultOf(scene, frame, bytes, folder));
    expect(faults).toEqual([]);
  },
);

async function versionAtHand(): Promise<string> {
  const { major, minor } = await askBlenderVersion(findProgram('blender', process.env), process.env);
  return `${major}.${minor}`;
}

function seriesOf(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}

async function render({ file, frames, flags = [] }: Scene): Promise<Map<number, Buffer>> {
  const options = ['--frames', frames.join(','), '--video', 'none', '-f', '9', ...flags];
  const result = await spotreel(['render', join(ROOT, file), '-o', at('out'), ...options]);
  if (result.exitCode !== 0) throw new Error(`exit code ${result.exitCode}: ${result.stderr}`);
  const folder = join(onlyRender(at('out')), 'frames');
  return new Map(frames.map((frame) => [frame, readFileSync(join(folder, frameName(frame)))]));
}

function keep({ name }: Scene, rendered: ReadonlyMap<number, Buffer>, folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const [frame, bytes] of rendered) {
    // Written again, without the paths and times that Blender notes in its PNGs.
    writeFileSync(join(folder, `${name}-${frameName(frame)}`), PNG.sync.write(PNG.sync.read(bytes)));
  }
}

function faultOf({ name, tolerance }: Scene, frame: number, bytes: Buffer, folder: string): string[] {
  const golden = join(folder, `${name}-${frameName(frame)}`);
  if (!existsSync(golden)) return [`there is no ${golden}: SPOTREEL_GOLDEN=make makes it`];
  const { mean, max } = comparePictures(readFileSync(golden), bytes);
  if (mean <= tolerance.mean && max <= tolerance.max) return [];
  const seen = `by ${mean.toFixed(3)} of 255 on average and by ${max} at most`;
  const allowed = `${tolerance.mean} and ${tolerance.max} are allowed`;
  return [`scene ${name}, frame ${frame}: differs from ${golden} ${seen}, and ${allowed}`];
}
