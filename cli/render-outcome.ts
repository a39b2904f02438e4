import { countOf } from '../core/count-words';
import { frameUrl, partialVideoUrl, videoUrl } from '../core/contract/keys';
import type { Gaps } from '../core/contract/gaps';
import { plannedVideo } from '../core/render/chosen-video';
import { formatFrameRate } from '../core/render/frame-rate';
import { formatLocation } from '../core/storage/location';
import type { RenderOutcome } from './local/run-locally';
import { printable } from '../core/printable';
import { describeFinding } from './report-findings';
import { formatSeconds } from '../core/format-seconds';

/** Reasons printed one by one; the rest are counted. */
const MOST_REASONS = 10;

/** How a render ended, for a person; `again` is what goes on from there. */
export function describeOutcome(outcome: RenderOutcome, seconds: number, again = 'the same command'): string {
  const { state, folder, manifest, progress } = outcome;
  const { frameCount } = manifest;
  const frames = `${progress.done.size} of ${countOf(frameCount, 'frame')}`;
  const are = frameCount === 1 ? 'is' : 'are';
  const where = formatLocation(folder);
  if (state === 'complete') {
    const { width, height } = manifest.resolution;
    const size = `${countOf(frameCount, 'frame')} of ${width}×${height}`;
    const video = videoOf(outcome);
    if (frameCount === 1 && video === undefined) {
      const picture = formatLocation(frameUrl(folder, manifest.frames[0]!.start));
      const lines = [`${size} in ${formatSeconds(seconds)}`, ...warningLines(outcome), `frame: ${picture}`];
      return printable(lines.join('\n'));
    }
    const what = `${size} at ${formatFrameRate(manifest.frameRate)} fps`;
    const told = [
      `${what} in ${formatSeconds(seconds)}`,
      `frames: ${where}frames/`,
      ...(video === undefined ? [] : [`video:  ${video}`]),
      ...warningLines(outcome),
    ];
    return printable(told.join('\n'));
  }
  if (state === 'interrupted') {
    return printable(`stopped: ${frames} ${are} safe in ${where}; ${again} goes on from there`);
  }
  if (outcome.gaps) {
    const video = formatLocation(partialVideoUrl(folder, plannedVideo(manifest)));
    const { gaps, sound = [] } = outcome.gaps;
    const lines =
      gaps.length > 0
        ? [`partial: ${frames} ${are} safe in ${where}; ${again} tries the others again`]
        : [`partial: ${frames} ${are} safe in ${where}, and the video lacks sound; ${again} makes it again`];
    const told = [
      ...gapLines(outcome.gaps),
      ...errorLines(outcome),
      ...sound.slice(0, MOST_REASONS),
      ...warningLines(outcome, sound),
      ...lines,
      `${gaps.length > 0 ? 'video with gaps' : 'video without all sound'}:  ${video}`,
    ];
    return printable(told.join('\n'));
  }
  return printable(
    [...frameLines(outcome), ...errorLines(outcome), `failed: ${frames} ${are} safe in ${where}`].join('\n'),
  );
}

function frameLines({ progress }: RenderOutcome): string[] {
  const failed = [...progress.failed].toSorted(([a], [b]) => a - b);
  const lines = failed.slice(0, MOST_REASONS).map(([frame, reason]) => `frame ${frame}: ${reason}`);
  if (failed.length > MOST_REASONS)
    lines.push(`and ${failed.length - MOST_REASONS} more frames; failures/ holds their reasons`);
  return lines;
}

/** Why workers ended badly: also where each frame has a reason, it may lie in what befell its slice. */
function errorLines({ progress }: RenderOutcome): string[] {
  return [...progress.errors].slice(0, MOST_REASONS).map((message) => `error: ${message}`);
}

/** Without those that say the same as `told`. */
function warningLines({ progress }: RenderOutcome, told: readonly string[] = []): string[] {
  return [...progress.warnings.values()]
    .filter(({ message }) => !told.includes(message))
    .slice(0, MOST_REASONS)
    .map(describeFinding);
}

function gapLines({ gaps }: Gaps): string[] {
  const lines = gaps
    .slice(0, MOST_REASONS)
    .map(
      ({ frame, reason, shown }) => `frame ${frame} is missing, frame ${shown} shown in its place: ${reason}`,
    );
  if (gaps.length > MOST_REASONS)
    lines.push(`and ${gaps.length - MOST_REASONS} more frames; gaps.json names them`);
  return lines;
}

/** How a render ended, for a program. */
export function outcomeJson(outcome: RenderOutcome, seconds: number) {
  const { state, folder, manifest, progress } = outcome;
  return {
    renderId: manifest.renderId,
    state,
    folder: formatLocation(folder),
    video: videoOf(outcome),
    gaps: outcome.gaps?.gaps,
    soundLacks: outcome.gaps?.sound,
    frameCount: manifest.frameCount,
    framesDone: progress.done.size,
    failures: [...progress.failed].map(([frame, reason]) => ({ frame, reason })),
    errors: [...progress.errors],
    findings: [...(manifest.findings ?? []), ...progress.warnings.values()],
    seconds,
  };
}

function videoOf({ state, folder, manifest }: RenderOutcome): string | undefined {
  const video = plannedVideo(manifest);
  if (video === 'none') return undefined;
  if (state === 'complete') return formatLocation(videoUrl(folder, video));
  return state === 'partial' ? formatLocation(partialVideoUrl(folder, video)) : undefined;
}
