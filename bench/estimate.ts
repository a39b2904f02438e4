import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Estimate } from '../cli/estimate/estimate-shot';
import { measure, spread } from './measure';
import { ROOT } from './ways';

const SCENE = join(ROOT, 'examples/clock.blend');
const PROGRAM = [process.execPath, join(ROOT, 'dist/spotreel.js')] as const;

interface Pair {
  readonly estimate: Estimate;
  /** Taken by the estimate, and then by the whole render. */
  readonly estimateSeconds: number;
  readonly renderSeconds: number;
}

/** Compares the estimate for the example with its render. `say` gets the text at the end. */
export async function benchEstimate(runs: number, say: (text: string) => Promise<void>): Promise<void> {
  const pairs: Pair[] = [];
  for (let turn = 1; turn <= runs; turn += 1) {
    const folder = await mkdtemp(join(tmpdir(), 'spotreel-bench-'));
    try {
      const pair = await compare(folder);
      pairs.push(pair);
      process.stderr.write(`run ${turn} of ${runs}: ${ratioOf(pair).toFixed(2)}\n`);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  await say(describe(pairs));
}

async function compare(folder: string): Promise<Pair> {
  const [program, spotreel] = PROGRAM;
  // Without AWS: its answer would be measured, too.
  const env = { ...process.env, AWS_EC2_METADATA_DISABLED: 'true', AWS_ACCESS_KEY_ID: '', AWS_PROFILE: '' };
  const began = process.hrtime.bigint();
  const args = [spotreel, 'estimate', SCENE, '--json', '-o', join(folder, 'estimates')];
  const { stdout } = await promisify(execFile)(program, args, { env });
  const estimateSeconds = Number(process.hrtime.bigint() - began) / 1e9;
  const estimate: Estimate = JSON.parse(stdout);
  const { seconds } = await measure([...PROGRAM, 'render', SCENE, '-o', join(folder, 'renders')]);
  return { estimate, estimateSeconds, renderSeconds: seconds };
}

const ratioOf = ({ estimate, renderSeconds }: Pair): number =>
  estimate.here.wallSeconds.middle / renderSeconds;

function describe(pairs: readonly Pair[]): string {
  const { estimate } = pairs[0]!;
  const held = pairs.filter(
    ({ estimate: { here }, renderSeconds }) =>
      here.wallSeconds.low <= renderSeconds && renderSeconds <= here.wallSeconds.high,
  ).length;
  const column = (value: (pair: Pair) => number, digits = 1): string => spread(pairs.map(value), digits);
  return `## The estimate

\`examples/clock.blend\` has ${estimate.frameCount} frames. \`estimate\` renders ${estimate.test.frames.length} of them, then \`render\` renders all with its defaults.

| | Seconds |
| --- | --- |
| what the estimate says | ${column((pair) => pair.estimate.here.wallSeconds.middle)} |
| its low and high | ${column((pair) => pair.estimate.here.wallSeconds.low)}; ${column((pair) => pair.estimate.here.wallSeconds.high)} |
| what the render takes | ${column((pair) => pair.renderSeconds)} |
| ratio, pair by pair (wanted: 0.75 to 1.25) | ${column(ratioOf, 2)} |
| what the estimate itself takes | ${column((pair) => pair.estimateSeconds)} |

In ${held} of ${pairs.length} pairs the render's time was between low and high. Medians (lowest to highest) of ${pairs.length} pairs.`;
}
