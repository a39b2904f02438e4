import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeFilm, type FilmResults } from './film-report';
import { manyFrames } from './many-frames';
import { median } from './measure';
import { startUp } from './start-up';
import { plainBlender, saveExample, spotreelWith, workshop, type Film, type Way } from './ways';

/** The example somewhat smaller, so that frames stay under a second on slow cores. */
const RESOLUTION_PERCENT = 70;
/**
 * What one Blender takes for the film, by the trial's speed: enough above a minute that it stays above one on a machine
 * whose speed changes.
 */
const FILM_SECONDS = 84;
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

/** One film in three ways, in turn, so that ratios hold when the machine's speed drifts. `say` gets the text after each turn. */
export async function benchFilm(runs: number, say: (text: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'spotreel-bench-'));
  try {
    const film = await makeFilm(folder);
    process.stderr.write(`a film of ${film.frames} frames\n`);
    const rest = {
      startUp: await startUp(),
      frames: film.frames,
      resolutionPercent: RESOLUTION_PERCENT,
      manyFrames: await manyFrames(join(folder, 'many')),
    };
    // After every turn, so that a run on a busy machine can be stopped early.
    await compareWays(film, runs, (turn, ways) => say(describeFilm({ runs: turn, ways, ...rest })));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A film of the wanted length on this machine, with its size in the file itself, so that every way reads it there. */
async function makeFilm(folder: string): Promise<Film> {
  const scene = join(folder, 'film.blend');
  await saveExample(scene, [`scene.render.resolution_percentage = ${RESOLUTION_PERCENT}`]);
  const film = { scene, fps: 24, folder: join(folder, 'film') };
  const { seconds } = await plainBlender({ ...film, frames: TRIAL_FRAMES });
  return { ...film, frames: Math.ceil((FILM_SECONDS / seconds) * TRIAL_FRAMES) };
}

async function compareWays(
  film: Film,
  runs: number,
  afterTurn: (turn: number, ways: FilmResults['ways']) => Promise<void>,
): Promise<void> {
  const ways: FilmResults['ways'] = Object.fromEntries(Object.keys(WAYS).map((name) => [name, []]));
  for (let turn = 1; turn <= runs; turn += 1) {
    for (const [name, way] of Object.entries(WAYS)) {
      // The side question comes last, after the runs that matter.
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
