import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, spread } from './measure';
import { type Film, plainBlender, plainKeeping, ROOT, spotreelWith, type Way } from './ways';

const FRAMES = 48;
/** Levels of subdivision: a frame from nothing takes a few seconds, and most of them are preparation. */
const LEVELS = 4;

/** What moves, in words, and the most that Spotreel may take of plain Blender's time. */
const SCENES = {
  camera: { words: 'a static set, and a moving camera', most: 0.3 },
  objects: { words: 'three of nine objects move or deform', most: 0.8 },
  everything: { words: 'all geometry deforms', most: 1.02 },
} as const;

/** On a static set, the most that Spotreel may take of the time of plain Blender with persistent data on. */
const MOST_OF_KEEPING = 1.05;

type SceneName = keyof typeof SCENES;
const NAMES: readonly SceneName[] = ['camera', 'objects', 'everything'];

const WAYS = { plain: plainBlender, keeping: plainKeeping, spotreel: spotreelWith() } satisfies Record<
  string,
  Way
>;
type WayName = keyof typeof WAYS;
const WAY_NAMES: readonly WayName[] = ['plain', 'keeping', 'spotreel'];

/** Seconds by scene and way, run by run. */
type Seconds = Record<SceneName, Record<WayName, number[]>>;

/**
 * Three films by plain Blender, as saved and with persistent data, and by Spotreel, in turn. `say` gets the text after each
 * turn.
 */
export async function benchPersistentData(runs: number, say: (text: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'spotreel-bench-'));
  const none = () => ({ plain: [], keeping: [], spotreel: [] });
  const seconds: Seconds = { camera: none(), objects: none(), everything: none() };
  try {
    for (const name of NAMES) await makeScene(name, join(folder, `${name}.blend`));
    for (let turn = 1; turn <= runs; turn += 1) {
      for (const name of NAMES) {
        const film: Film = {
          scene: join(folder, `${name}.blend`),
          frames: FRAMES,
          fps: 24,
          folder: join(folder, 'film'),
        };
        for (const way of WAY_NAMES) {
          await rm(film.folder, { recursive: true, force: true });
          const measured = await WAYS[way](film);
          seconds[name][way].push(measured.seconds);
          process.stderr.write(`run ${turn} of ${runs}: ${name}, ${way}: ${measured.seconds.toFixed(1)} s\n`);
        }
      }
      await say(describe(seconds, turn));
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function makeScene(moves: SceneName, path: string): Promise<void> {
  const script = join(ROOT, 'bench/persistent-data.py');
  return run([
    'blender',
    '-b',
    '--factory-startup',
    '--python-exit-code',
    '1',
    '--python',
    script,
    '--',
    moves,
    String(LEVELS),
    path,
  ]);
}

function describe(seconds: Seconds, runs: number): string {
  const ratio = (name: SceneName, under: WayName): string =>
    spread(seconds[name].spotreel.map((value, i) => value / seconds[name][under][i]!));
  const rows = NAMES.map((name) => {
    const { plain, keeping, spotreel } = seconds[name];
    const times = [plain, keeping, spotreel].map((values) => spread(values, 1));
    return `| ${[SCENES[name].words, ...times].join(' | ')} |`;
  });
  const wanted = NAMES.map(
    (name) => `| ${SCENES[name].words} | ${ratio(name, 'plain')} | ≤ ${SCENES[name].most} |`,
  );
  return `## Data kept between frames

Medians of ${runs} runs (lowest to highest), each with all ways in turn.

${FRAMES} frames with Cycles (\`bench/persistent-data.py\`). Seconds with the video, of one \`blender -a\` and one ffmpeg, as
saved and with Blender's Persistent Data, and of \`spotreel render\` with its defaults.

| Scene | Blender | Blender with Persistent Data | Spotreel |
| --- | --- | --- | --- |
${rows.join('\n')}

| Spotreel / Blender | | Wanted |
| --- | --- | --- |
${wanted.join('\n')}

On the static set, Spotreel / Blender with Persistent Data is ${ratio('camera', 'keeping')}. Wanted: ≤ ${MOST_OF_KEEPING}.
Each of two Blenders of Spotreel renders two frames from nothing, the second one to compare it.
\`blender -a\` renders one.`;
}
