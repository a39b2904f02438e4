/**
 * `npm run bench`: ratios of things measured in one run, on one machine, in turn, so that they hold when the machine's
 * speed drifts. Writes docs/benchmarks.md. Takes about half an hour; `npm run bench -- --runs 1` is a quick look that
 * writes nothing.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { manyFrames } from './many-frames';
import { median } from './measure';
import { describe, type Results } from './report';
import { startUp } from './start-up';
import { plainBlender, ROOT, spotreelWith, workshop, type Film, type Way } from './ways';

const RUNS = 5;

const WAYS = {
  a: plainBlender,
  b: spotreelWith(),
  'b, one Blender at a time': spotreelWith('--parallel', '1'),
  c: workshop,
} satisfies Record<string, Way>;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { runs: { type: 'string', default: String(RUNS) } } });
  const runs = Number(values.runs);
  const folder = await mkdtemp(join(tmpdir(), 'spotreel-bench-'));
  try {
    const film: Film = {
      scene: join(ROOT, 'examples/clock.blend'),
      frames: 72,
      fps: 24,
      folder: join(folder, 'film'),
    };
    const results: Results = {
      runs,
      startUp: await startUp(),
      ways: await compareWays(film, runs),
      manyFrames: await manyFrames(join(folder, 'many')),
    };
    const text = describe(results);
    process.stdout.write(text);
    if (runs >= RUNS) await writeFile(join(ROOT, 'docs/benchmarks.md'), text);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function compareWays(film: Film, runs: number): Promise<Results['ways']> {
  const ways: Results['ways'] = Object.fromEntries(Object.keys(WAYS).map((name) => [name, []]));
  for (let run = 1; run <= runs; run += 1) {
    for (const [name, way] of Object.entries(WAYS)) {
      await rm(film.folder, { recursive: true, force: true });
      const measured = await way(film);
      ways[name]!.push(measured);
      const soFar = median(ways[name]!.map(({ seconds }) => seconds)).toFixed(1);
      process.stderr.write(
        `run ${run} of ${runs}: ${name}: ${measured.seconds.toFixed(1)} s (median ${soFar} s)\n`,
      );
    }
  }
  return ways;
}

void main();
