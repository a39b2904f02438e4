import { readdirSync } from 'node:fs';
import { link, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { frameName } from '../core/render/keys';
import type { Manifest } from '../core/render/manifest';
import { fileUrl } from '../core/storage/storage';
import { framesFolder, manifestUrl } from '../test/support/render-urls';
import { measure, type Measured, run, spread } from './measure';
import { isSpotreel, plainFfmpeg, ROOT } from './ways';

const WIDTH = 1920;
const HEIGHT = 1080;
const FPS = 24;

/** Different pictures, shown forwards and backwards: the cost of a frame does not depend on a film's length. */
const PICTURES = 12;

/** The film whose time, memory and files are measured. One pair of runs, as each takes minutes. */
const LONG_FILM = 5000;

/** Frames of the short film that both ways are timed with, pair by pair. It shows the fixed costs. */
const SHORT_FILM = 240;

/** Milliseconds between looks at the disk. */
const LOOK_EVERY = 200;

/** The stitch job beside plain ffmpeg on the same files, and a long film's memory and disk. `say` gets the text at the end. */
export async function benchStitch(runs: number, say: (text: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'spotreel-bench-'));
  try {
    const pictures = await drawPictures(join(folder, 'pictures'));
    const film = join(folder, 'short');
    await layOut(film, pictures, SHORT_FILM);
    const pairs: Array<{ plain: number; spotreel: number }> = [];
    for (let turn = 1; turn <= runs; turn += 1) {
      const plain = await plainly(film);
      const { seconds } = await stitched(film, folder);
      pairs.push({ plain, spotreel: seconds });
      process.stderr.write(`run ${turn} of ${runs}: ${plain.toFixed(1)} s, ${seconds.toFixed(1)} s\n`);
    }
    const long = join(folder, 'long');
    await layOut(long, pictures, LONG_FILM);
    const plain = await plainly(long);
    process.stderr.write(`${LONG_FILM} frames by plain ffmpeg: ${plain.toFixed(1)} s\n`);
    await say(describe(pairs, plain, await stitched(long, folder)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Frames of the example: Cycles' noise makes PNGs as large as a film's. Gives their paths. */
async function drawPictures(folder: string): Promise<string[]> {
  const scene = join(ROOT, 'examples/clock.blend');
  const settings = [
    'import bpy',
    'scene = bpy.context.scene',
    `scene.render.resolution_x, scene.render.resolution_y = ${WIDTH}, ${HEIGHT}`,
    'scene.render.resolution_percentage = 100',
    'scene.cycles.samples = 4',
  ];
  const script = ['--python-expr', settings.join('\n')];
  const range = ['-s', '1', '-e', String(PICTURES), '-a'];
  const output = ['-o', join(folder, '####'), '-F', 'PNG', '-x', '1'];
  await run(['blender', '-b', '-Y', scene, ...script, ...output, ...range]);
  return (await readdir(folder)).toSorted().map((name) => join(folder, name));
}

/** A render's folder with `frames` frames, and a plan of them. */
async function layOut(folder: string, pictures: readonly string[], frames: number): Promise<void> {
  const render = fileUrl(`${folder}/`);
  await mkdir(framesFolder(render), { recursive: true });
  const round = [...pictures, ...pictures.toReversed()];
  for (let frame = 1; frame <= frames; frame += 1) {
    await link(round[(frame - 1) % round.length]!, join(folder, 'frames', frameName(frame)));
  }
  const manifest: Manifest = {
    version: 1,
    renderId: 'bench',
    createdAt: new Date().toISOString(),
    source: { url: 'film.blend', etag: '', size: 0 },
    options: {},
    blenderVersion: { major: 3, minor: 4 },
    scene: 'Scene',
    engine: 'CYCLES',
    frames: [{ start: 1, end: frames, step: 1 }],
    frameCount: frames,
    framesPerSlice: frames,
    sliceCount: 1,
    frameRate: { numerator: FPS, denominator: 1 },
    resolution: { width: WIDTH, height: HEIGHT },
  };
  await writeFile(manifestUrl(render), JSON.stringify(manifest));
}

async function plainly(folder: string): Promise<number> {
  const began = process.hrtime.bigint();
  await plainFfmpeg({ frames: join(folder, 'frames'), video: join(folder, 'plain.mp4'), fps: FPS });
  return Number(process.hrtime.bigint() - began) / 1e9;
}

interface Stitched extends Measured {
  /** At once, in the worker's own folder. */
  readonly framesOnDisk: number;
}

async function stitched(film: string, folder: string): Promise<Stitched> {
  const scratch = await mkdtemp(join(folder, 'scratch-'));
  let framesOnDisk = 0;
  const look = (): void => {
    const names = readdirSync(scratch, { recursive: true, encoding: 'utf8' });
    framesOnDisk = Math.max(framesOnDisk, names.filter((name) => name.endsWith('.png')).length);
  };
  const timer = setInterval(look, LOOK_EVERY);
  try {
    const command = [process.execPath, join(ROOT, 'dist/worker.js'), 'stitch', '-i', film, '-o', film];
    const measured = await measure(command, { environment: { TMPDIR: scratch }, isOwn: isSpotreel });
    return { ...measured, framesOnDisk };
  } finally {
    clearInterval(timer);
  }
}

function describe(
  pairs: ReadonlyArray<{ plain: number; spotreel: number }>,
  longPlain: number,
  long: Stitched,
): string {
  const ratio = spread(pairs.map(({ plain, spotreel }) => spotreel / plain));
  const mib = (long.peakMemoryBytes / 2 ** 20).toFixed(0);
  return `## The stitch job

${WIDTH}×${HEIGHT}, H.264, frames of the example at 4 samples, on a disk. The stitch job checks that every frame is complete. It
also makes poster, contact sheet, preview and report.

| ${SHORT_FILM} frames | Seconds |
| --- | --- |
| plain ffmpeg, frames to video | ${spread(
    pairs.map(({ plain }) => plain),
    1,
  )} |
| the stitch job | ${spread(
    pairs.map(({ spotreel }) => spotreel),
    1,
  )} |
| ratio, pair by pair | ${ratio} |

| ${LONG_FILM} frames | | Wanted |
| --- | --- | --- |
| plain ffmpeg, seconds | ${longPlain.toFixed(1)} | |
| the stitch job, seconds | ${long.seconds.toFixed(1)} | |
| ratio | ${(long.seconds / longPlain).toFixed(2)} | ≤ 1.10 |
| frames on the disk at once | ${long.framesOnDisk} | ≤ 64 |
| peak memory of Spotreel's own process, MiB | ${mib} | < 300 |

Short film: medians (lowest to highest) of ${pairs.length} pairs, in turn. Long film: a single pair.`;
}
