import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseWorkerEvent } from '../core/jobs/worker';
import { frameName } from '../core/render/keys';
import { randomOf } from '../test/support/random';
import { ROOT, saveExample } from './ways';

const SLICES = 20;
const FRAMES_PER_SLICE = 6;
const FRAMES = SLICES * FRAMES_PER_SLICE;
const RESOLUTION_PERCENT = 40;

/** The share of attempts that are interrupted, and the seed for which and when. */
const INTERRUPTED = 0.3;
const SEED = 5;

/** EC2 gives two minutes; a frame of this film takes under a second. */
const NOTICE_SECONDS = 3;

/** How an attempt is interrupted: the machine is gone at once, or after a notice. */
type Kind = 'killed' | 'noticed';

/** The cost of an interruption: Blender's work that has to be repeated. */
interface Loss {
  readonly seconds: number;
  readonly frames: number;
}

interface Outcome {
  /** From the first frame's begin of each attempt to the attempt's end. */
  readonly renderSeconds: number;
  readonly losses: readonly Loss[];
}

/** One attempt of a slice, interrupted `cutAt` seconds after its first frame began, if given. Gives the loss then. */
type Attempt = (slice: number, cutAt: number | undefined) => Promise<{ seconds: number; loss?: Loss }>;

/** Slices under the same interruptions, Spotreel's way and the workshop's. `say` gets the text at the end. */
export async function benchInterruptions(_: number, say: (text: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'spotreel-bench-'));
  try {
    const scene = join(folder, 'film.blend');
    const size = `scene.render.resolution_percentage = ${RESOLUTION_PERCENT}`;
    await saveExample(scene, [size, `scene.frame_end = ${FRAMES}`]);
    const frameSeconds = await trial(scene, folder);
    const outcomes: Record<string, Outcome> = {};
    for (const kind of ['killed', 'noticed'] as const) {
      outcomes[kind] = await renderAll(spotreel(scene, join(folder, kind), kind), frameSeconds);
      await checkFrames(join(folder, kind, 'frames'));
    }
    outcomes.workshop = await renderAll(workshop(scene, join(folder, 'workshop')), frameSeconds);
    await checkFrames(join(folder, 'workshop'));
    await say(describe(outcomes, frameSeconds));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Seconds of one frame, which interruptions are planned by. */
async function trial(scene: string, folder: string): Promise<number> {
  const { seconds } = await workshop(scene, join(folder, 'trial'))(0, undefined);
  return seconds / FRAMES_PER_SLICE;
}

/** Renders every slice to its end. Both ways are interrupted in the same attempts at the same seconds. */
async function renderAll(attempt: Attempt, frameSeconds: number): Promise<Outcome> {
  const losses: Loss[] = [];
  let renderSeconds = 0;
  for (let slice = 0; slice < SLICES; slice += 1) {
    const random = randomOf(SEED + slice);
    for (let isDone = false; !isDone;) {
      const isCut = random() < INTERRUPTED;
      const cutAt = random() * FRAMES_PER_SLICE * frameSeconds;
      const { seconds, loss } = await attempt(slice, isCut ? cutAt : undefined);
      renderSeconds += seconds;
      if (loss) losses.push(loss);
      isDone = loss === undefined;
    }
    process.stderr.write(`slice ${slice + 1} of ${SLICES}: ${losses.length} interruptions so far\n`);
  }
  return { renderSeconds, losses };
}

/** The worker: stored frames survive an interruption. */
function spotreel(scene: string, output: string, kind: Kind): Attempt {
  const notice = `${output}-notice.json`;
  const figures = ['-f', String(FRAMES_PER_SLICE), '-t', String(FRAMES)];
  const command = [
    process.execPath,
    join(ROOT, 'dist/worker.js'),
    'render',
    '-i',
    scene,
    '-o',
    output,
    ...figures,
  ];
  return async (slice, cutAt) => {
    await rm(notice, { force: true });
    const environment = { AWS_BATCH_JOB_ARRAY_INDEX: String(slice), SPOTREEL_SPOT_NOTICE: notice };
    let [began, stored, begun, kept] = [0, 0, 0, 0];
    const { end, exitCode } = await runCut(command, environment, {
      cutAt,
      cut: async (kill) => {
        if (kind === 'killed') return kill();
        // The notice is much shorter than EC2's, so the worker's reserve is shorter, too.
        const time = new Date(Date.now() + (20 + NOTICE_SECONDS) * 1000).toISOString();
        await writeFile(notice, JSON.stringify({ action: 'terminate', time }));
      },
      hear: (line, at) => {
        const event = parseWorkerEvent(line)?.event;
        if (event === 'frame-started') {
          began ||= at;
          begun += 1;
        }
        if (event === 'frame-stored') [stored, kept] = [at, kept + 1];
        return began > 0;
      },
    });
    const seconds = (end - began) / 1000;
    if (exitCode === 0) return { seconds };
    const lostSince = stored || began;
    const frames = begun - kept;
    return { seconds, loss: { frames, seconds: frames === 0 ? 0 : (end - lostSince) / 1000 } };
  };
}

/** One `blender -a` for the slice, which moves its frames at the end: an interruption loses all of them. */
function workshop(scene: string, output: string): Attempt {
  return async (slice, cutAt) => {
    const scratch = join(output, `job-${slice}`);
    await mkdir(scratch, { recursive: true });
    const [first, last] = [slice * FRAMES_PER_SLICE + 1, (slice + 1) * FRAMES_PER_SLICE];
    const range = ['-s', String(first), '-e', String(last), '-a'];
    const command = [
      'blender',
      '-noaudio',
      '-b',
      '-Y',
      scene,
      '-F',
      'PNG',
      '-o',
      join(scratch, '####'),
      ...range,
    ];
    let [began, frames] = [0, 1];
    const { end, exitCode } = await runCut(
      command,
      {},
      {
        cutAt,
        cut: (kill) => kill(),
        hear: (line, at) => {
          if (line.startsWith('Fra:')) began ||= at;
          if (line.startsWith('Saved:')) frames += 1;
          return began > 0;
        },
      },
    );
    const seconds = (end - began) / 1000;
    if (exitCode === 0) {
      for (let frame = first; frame <= last; frame += 1)
        await rename(join(scratch, frameName(frame)), join(output, frameName(frame)));
    }
    await rm(scratch, { recursive: true });
    return exitCode === 0 ? { seconds } : { seconds, loss: { seconds, frames } };
  };
}

interface Cut {
  readonly cutAt: number | undefined;
  readonly cut: (kill: () => void) => void | Promise<void>;
  /** Reads a line at a time in milliseconds; gives whether frames have begun. */
  readonly hear: (line: string, at: number) => boolean;
}

/** Runs a program and interrupts it `cutAt` seconds after its first frame began. */
async function runCut(command: readonly string[], environment: NodeJS.ProcessEnv, { cutAt, cut, hear }: Cut) {
  const [program, ...args] = command;
  const env = { ...process.env, ...environment };
  const child = spawn(program!, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let timer: NodeJS.Timeout | undefined;
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!hear(line, performance.now()) || timer || cutAt === undefined) return;
    timer = setTimeout(() => void cut(() => child.kill('SIGKILL')), cutAt * 1000);
  });
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  clearTimeout(timer);
  return { end: performance.now(), exitCode };
}

async function checkFrames(folder: string): Promise<void> {
  for (let frame = 1; frame <= FRAMES; frame += 1) {
    if (!existsSync(join(folder, frameName(frame)))) throw new Error(`${folder} lacks frame ${frame}`);
  }
}

const NAMES: Readonly<Record<string, string>> = {
  killed: 'Spotreel, machines gone without a notice',
  noticed: `Spotreel, machines gone ${NOTICE_SECONDS} s after a notice`,
  workshop: 'the workshop’s way: one process per slice, its frames moved at the end',
};

function describe(outcomes: Readonly<Record<string, Outcome>>, frameSeconds: number): string {
  const rows = Object.entries(outcomes).map(([name, { renderSeconds, losses }]) => {
    const lost = sum(losses.map(({ seconds }) => seconds));
    const most = Math.max(0, ...losses.map(({ frames }) => frames));
    const share = `${((100 * lost) / renderSeconds).toFixed(0)} %`;
    const each = (lost / Math.max(1, losses.length)).toFixed(2);
    return `| ${NAMES[name]} | ${losses.length} | ${lost.toFixed(1)} (${share}) | ${each} | ${most} |`;
  });
  return `## Interruptions

${SLICES} slices of ${FRAMES_PER_SLICE} frames of ${frameSeconds.toFixed(2)} s. ${100 * INTERRUPTED} % of attempts are interrupted, the same ones at the same seconds (seed ${SEED}). An
attempt that ends before its interruption does not count, so shorter attempts are interrupted less often. Lost work is
Blender's work since the last stored frame.

| Way | Interruptions | Seconds of work lost (of all) | Per interruption | Most frames lost at once |
| --- | --- | --- | --- | --- |
${rows.join('\n')}

Wanted: at most the frame that is being rendered.`;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
