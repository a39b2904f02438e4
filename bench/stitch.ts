import { readdirSync } from 'node:fs';
import { link, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readPngHeader } from '../container/worker/frames/png';
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

/** Frames of the example at its own size: their stitch job shows what is left to do after the last frame. */
const EXAMPLE = 48;

/** Frames of the short film that both ways are timed with, pair by pair. It shows the fixed costs. */
const SHORT_FILM = 240;

/** Milliseconds between looks at the disk. */
const LOOK_EVERY = 200;

/** The stitch job beside plain ffmpeg on the same files, and a long film's memory and disk. `say` gets the text at the end. */
export async function benchStitch(runs: number, say: (text: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'spotreel-bench-'));
  try {
    const example = join(folder, 'example');
    await layOut(example, await drawPictures(join(folder, 'small'), EXAMPLE, []), EXAMPLE);
    const small = await timePairs(example, folder, runs);
    const pictures = await drawPictures(join(folder, 'pictures'), PICTURES, [
      `scene.render.resolution_x, scene.render.resolution_y = ${WIDTH}, ${HEIGHT}`,
      'scene.render.resolution_percentage = 100',
      'scene.cycles.samples = 4',
    ]);
    const film = join(folder, 'short');
    await layOut(film, pictures, SHORT_FILM);
    const pairs = await timePairs(film, folder, runs);
    const long = join(folder, 'long');
    await layOut(long, pictures, LONG_FILM);
    const plain = await plainly(long);
    process.stderr.write(`${LONG_FILM} frames by plain ffmpeg: ${plain.toFixed(1)} s\n`);
    await say(describe(small, pairs, plain, await stitched(long, folder)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Pair {
  readonly plain: number;
  readonly spotreel: number;
}

/** Seconds of both ways, in turn. */
async function timePairs(film: string, folder: string, runs: number): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (let turn = 1; turn <= runs; turn += 1) {
    const plain = await plainly(film);
    const { seconds } = await stitched(film, folder);
    pairs.push({ plain, spotreel: seconds });
    process.stderr.write(`run ${turn} of ${runs}: ${plain.toFixed(1)} s, ${seconds.toFixed(1)} s\n`);
  }
  return pairs;
}

/** Frames of the example: Cycles' noise makes PNGs as large as a film's. Gives their paths. */
async function drawPictures(folder: string, frames: number, settings: readonly string[]): Promise<string[]> {
  const scene = join(ROOT, 'examples/clock.blend');
  const lines = ['import bpy', 'scene = bpy.context.scene', ...settings];
  const script = ['--python-expr', lines.join('\n')];
  const range = ['-s', '1', '-e', String(frames), '-a'];
  const output = ['-o', join(folder, '####'), '-F', 'PNG', '-x', '1'];
  await run(['blender', '-b', '-Y', scene, ...script, ...output, ...range]);
  return (await readdir(folder)).toSorted().map((name) => join(folder, name));
}

/** A render's folder with `frames` frames, and a plan of them. */
async function layOut(folder: string, pictures: readonly string[], frames: number): Promise<void> {
  const render = fileUrl(`${folder}/`);
  await mkdir(framesFolder(render), { recursive: true });
  const { width, height } = readPngHeader(await readFile(pictures[0]!))!;
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
    resolution: { width, height },
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
  example: readonly Pair[],
  pairs: readonly Pair[],
  longPlain: number,
  long: Stitched,
): string {
  const mib = (long.peakMemoryBytes / 2 ** 20).toFixed(0);
  return `## The stitch job

H.264, frames of the example, on a disk. The stitch job checks that every frame is complete. It also makes poster,
contact sheet, preview and report.

${table(`The example's ${EXAMPLE} frames, at its own size`, example, '')}

${table(`${SHORT_FILM} frames of ${WIDTH}×${HEIGHT} at 4 samples`, pairs, '≤ 1.10')}

| ${LONG_FILM} of these frames | | Wanted |
| --- | --- | --- |
| plain ffmpeg, seconds | ${longPlain.toFixed(1)} | |
| the stitch job, seconds | ${long.seconds.toFixed(1)} | |
| ratio | ${(long.seconds / longPlain).toFixed(2)} | ≤ 1.02 |
| frames on the disk at once | ${long.framesOnDisk} | ≤ 64 |
| peak memory of Spotreel's own process, MiB | ${mib} | < 300 |

Short films: medians (lowest to highest) of ${pairs.length} pairs, in turn. Long film: a single pair.`;
}

function table(film: string, pairs: readonly Pair[], wanted: string): string {
  const seconds = (way: keyof Pair): string =>
    spread(
      pairs.map((pair) => pair[way]),
      2,
    );
  return `| ${film} | Seconds | Wanted |
| --- | --- | --- |
| plain ffmpeg, frames to video | ${seconds('plain')} | |
| the stitch job | ${seconds('spotreel')} | |
| ratio, pair by pair | ${spread(pairs.map(({ plain, spotreel }) => spotreel / plain))} | ${wanted} |`;
}
