/**
 * `npm run bench`: ratios of things measured in one run, on one machine, in turn, so that they hold when the machine's
 * speed drifts. Writes docs/benchmarks.md after every turn. Takes about half an hour; `--runs 1` is a quick look.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { manyFrames } from './many-frames';
import { median, run } from './measure';
import { describe, type Results } from './report';
import { startUp } from './start-up';
import { plainBlender, ROOT, spotreelWith, workshop, type Film, type Way } from './ways';

const RUNS = 5;

/** The example somewhat smaller, so that frames stay under a second on slow cores. */
const RESOLUTION_PERCENT = 75;
/** What one Blender would take for the film with a start every few frames; in one go it stays just above a minute. */
const FILM_SECONDS = 72;
const TRIAL_FRAMES = 40;

/** A side question, for which fewer runs will do. */
const ONE_BLENDER = 'b, one Blender at a time';
const ONE_BLENDER_RUNS = 1;

const WAYS: Readonly<Record<string, Way>> = {
  a: plainBlender,
  b: spotreelWith(),
  [ONE_BLENDER]: spotreelWith('--parallel', '1'),
  c: workshop,
};

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { runs: { type: 'string', default: String(RUNS) } } });
  const runs = Number(values.runs);
  const folder = await mkdtemp(join(tmpdir(), 'spotreel-bench-'));
  try {
    const film = await makeFilm(folder);
    process.stderr.write(`a film of ${film.frames} frames\n`);
    const rest = {
      startUp: await startUp(),
      frames: film.frames,
      manyFrames: await manyFrames(join(folder, 'many')),
    };
    // Written after every turn: on a machine that others use too, the last turns may be worth doing without.
    await compareWays(film, runs, async (turn, ways) => {
      await writeFile(join(ROOT, 'docs/benchmarks.md'), describe({ runs: turn, ways, ...rest }));
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A film of the wanted length on this machine, with its size in the file itself, so that every way reads it there. */
async function makeFilm(folder: string): Promise<Film> {
  const scene = join(folder, 'film.blend');
  const changes = [
    'import bpy',
    `bpy.context.scene.render.resolution_percentage = ${RESOLUTION_PERCENT}`,
    `bpy.ops.wm.save_as_mainfile(filepath=${JSON.stringify(scene)}, compress=True)`,
  ];
  await run(['blender', '-b', join(ROOT, 'examples/clock.blend'), '--python-expr', changes.join('\n')]);
  const film = { scene, fps: 24, folder: join(folder, 'film') };
  const { seconds } = await plainBlender({ ...film, frames: TRIAL_FRAMES });
  return { ...film, frames: Math.ceil((FILM_SECONDS / seconds) * TRIAL_FRAMES) };
}

async function compareWays(
  film: Film,
  runs: number,
  afterTurn: (turn: number, ways: Results['ways']) => Promise<void>,
): Promise<void> {
  const ways: Results['ways'] = Object.fromEntries(Object.keys(WAYS).map((name) => [name, []]));
  for (let turn = 1; turn <= runs; turn += 1) {
    for (const [name, way] of Object.entries(WAYS)) {
      // The side question comes last, when the ways that matter have been gone often enough.
      if (name === ONE_BLENDER && turn <= runs - ONE_BLENDER_RUNS) continue;
      await rm(film.folder, { recursive: true, force: true });
      const measured = await way(film);
      ways[name]!.push(measured);
      const soFar = median(ways[name]!.map(({ seconds }) => seconds)).toFixed(1);
      process.stderr.write(
        `run ${turn} of ${runs}: ${name}: ${measured.seconds.toFixed(1)} s (median ${soFar} s)\n`,
      );
    }
    await afterTurn(turn, ways);
  }
}

void main();
