import { median, spread, type Measured } from './measure';
import type { StartUp } from './start-up';

export interface FilmResults {
  readonly runs: number;
  /** Of the film. */
  readonly frames: number;
  readonly resolutionPercent: number;
  readonly startUp: StartUp;
  /** By the name of the way, run by run. */
  readonly ways: Record<string, Measured[]>;
  readonly manyFrames: Measured;
}

const MIB = 1024 * 1024;

/** The section for docs/benchmarks.md. */
export function describeFilm({
  runs,
  frames,
  resolutionPercent,
  startUp,
  ways,
  manyFrames,
}: FilmResults): string {
  const seconds = (name: string) => ways[name]!.map((measured) => measured.seconds);
  const ratio = (over: string, under: string) =>
    spread(
      seconds(under).flatMap((value, run) =>
        seconds(over)[run] === undefined ? [] : [seconds(over)[run]! / value],
      ),
    );
  const memory = Math.max(...ways.b!.map(({ peakMemoryBytes }) => peakMemoryBytes)) / MIB;
  const rows = Object.keys(ways)
    .filter((name) => ways[name]!.length > 0)
    .map((name) => `| ${name} | ${spread(seconds(name), 1)} |`);
  const side = 'b, one Blender at a time';
  const oneBlender =
    ways[side]!.length > 0
      ? `| b/(${side}) | ${ratio('b', side)} | < 1, or one Blender would be the better default |`
      : '';
  const startRatio = median(startUp.help) / median(startUp.node);
  return `## One film, three ways

Medians of ${runs} runs (lowest to highest). Each run takes the three ways in turn.

\`examples/clock.blend\` at ${resolutionPercent} % of its size, ${frames} frames, so that the film takes about a minute. Cycles,
${(median(seconds('a')) / frames).toFixed(2)} s per frame. The longer a frame takes compared with Blender's start, the less the workshop's way loses.

| Way | Seconds |
| --- | --- |
${rows.join('\n')}

- a: one \`blender -a\` over the whole range, then one ffmpeg
- b: \`spotreel render\` with its defaults; checks every frame twice
- c: the workshop's way: a process and a copy of the file for each frame, frames moved at the end, then one ffmpeg

| Ratio, run by run | | Wanted |
| --- | --- | --- |
| b/a | ${ratio('b', 'a')} | ≤ 1.10 |
| c/b | ${ratio('c', 'b')} | ≥ 2 |
${oneBlender}

## Spotreel's own processes

Peak resident memory of the largest process, without Blender and ffmpeg.

| | MiB | Wanted |
| --- | --- | --- |
| the film above | ${memory.toFixed(0)} | < 150 |
| a plan of 10,000 frames (fake Blender, real ffmpeg, ${manyFrames.seconds.toFixed(0)} s) | ${(manyFrames.peakMemoryBytes / MIB).toFixed(0)} | < 150 |

## Start

\`spotreel --help\` takes ${startRatio.toFixed(2)} times as long as \`node -e 0\`: ${(median(startUp.help) * 1000).toFixed(0)} ms and ${(median(startUp.node) * 1000).toFixed(0)} ms, medians of
${startUp.node.length} pairs. Wanted: at most 4.
`;
}
