import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measure, median, spread } from './measure';
import { type Film, plainBlender, ROOT, saveExample, spotreelWith, type Way } from './ways';

/** Seconds of Blender alone and of Spotreel, in turn. */
interface Pairs {
  readonly plain: number[];
  readonly spotreel: number[];
}

/** The example as it is: whole films of these lengths, and the most that Spotreel may take, as a ratio. */
const FILMS = [
  { frames: 48, most: 1.03 },
  { frames: 72, most: 1 },
];

/** One Blender over all frames and one ffmpeg, against `spotreel render`, for the example as it is saved. */
export async function benchExample(runs: number, say: (text: string) => Promise<void>): Promise<void> {
  const scene = join(ROOT, 'examples/clock.blend');
  const rows: string[] = [];
  for (const { frames, most } of FILMS) {
    const pairs = await inTurn(runs, { scene, frames, fps: 24 }, plainBlender);
    rows.push(row(`${frames} frames`, pairs, most));
  }
  await say(
    [
      '## The example as it is',
      `Medians of ${runs} runs (lowest to highest), in turn. Plain: one \`blender -a\`, then one ffmpeg. Spotreel: defaults.`,
      table(rows),
    ].join('\n\n'),
  );
}

const STILL = { width: 3840, height: 2160, samples: 8, most: 1.05 };

/** `blender -f 1` against `spotreel render --frames 1`, for a large picture with few samples. */
export async function benchStill(runs: number, say: (text: string) => Promise<void>): Promise<void> {
  const { width, height, samples, most } = STILL;
  const folder = await mkdtemp(join(tmpdir(), 'spotreel-bench-'));
  try {
    const scene = join(folder, 'still.blend');
    const size = `scene.render.resolution_x, scene.render.resolution_y = ${width}, ${height}`;
    const rest = `scene.render.resolution_percentage, scene.cycles.samples = 100, ${samples}`;
    await saveExample(scene, [size, rest]);
    const pairs = await inTurn(runs, { scene, frames: 1, fps: 24 }, plainFrame);
    await say(
      [
        '## A still',
        `Frame 1 of the example at ${width}×${height} with ${samples} samples. Medians of ${runs} runs (lowest to highest), in turn.`,
        table([row('`blender -f 1`', pairs, most)]),
      ].join('\n\n'),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const plainFrame: Way = ({ scene, folder }) =>
  measure(['blender', '-b', '-Y', scene, '-o', join(folder, '####'), '-F', 'PNG', '-x', '1', '-f', '1']);

async function inTurn(runs: number, film: Omit<Film, 'folder'>, plain: Way): Promise<Pairs> {
  const ways = { plain, spotreel: spotreelWith() };
  const pairs: Pairs = { plain: [], spotreel: [] };
  const folder = await mkdtemp(join(tmpdir(), 'spotreel-bench-'));
  for (let turn = 1; turn <= runs; turn += 1) {
    for (const name of ['plain', 'spotreel'] as const) {
      await rm(folder, { recursive: true, force: true });
      pairs[name].push((await ways[name]({ ...film, folder })).seconds);
    }
    const soFar = `${median(pairs.plain).toFixed(1)} s plain, ${median(pairs.spotreel).toFixed(1)} s Spotreel`;
    process.stderr.write(`run ${turn} of ${runs}, ${film.frames} frames: ${soFar}\n`);
  }
  await rm(folder, { recursive: true, force: true });
  return pairs;
}

function row(what: string, { plain, spotreel }: Pairs, most: number): string {
  const ratios = spotreel.map((seconds, turn) => seconds / plain[turn]!);
  const cells = [what, spread(plain, 1), spread(spotreel, 1), spread(ratios), `≤ ${most.toFixed(2)}`];
  return `| ${cells.join(' | ')} |`;
}

function table(rows: readonly string[]): string {
  const head = [
    '| | Plain, seconds | Spotreel, seconds | Ratio, pair by pair | Wanted |',
    '|---|---|---|---|---|',
  ];
  return [...head, ...rows].join('\n');
}
