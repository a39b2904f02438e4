import { countOf } from '../core/count-words';
import { frameUrl, partialVideoUrl, videoUrl } from '../core/contract/keys';
import type { Gaps } from '../core/contract/gaps';
import { plannedVideo } from '../core/render/chosen-video';
import { formatFrames } from '../core/render/frame-range';
import { describeLacking, groupReasons, type FailedFrame } from '../core/render-state/reasons';
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
      const lines = [
        `${size} in ${formatSeconds(seconds)}`,
        ...warningLines(outcome),
        `frame: ${picture}`,
        ...lackingLines(outcome),
      ];
      return printable(lines.join('\n'));
    }
    const what = `${size} at ${formatFrameRate(manifest.frameRate)} fps`;
    const told = [
      `${what} in ${formatSeconds(seconds)}`,
      `frames: ${where}frames/`,
      ...(video === undefined ? [] : [`video:  ${video}`]),
      ...warningLines(outcome),
      ...lackingLines(outcome),
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
      ...gapLines(outcome.gaps, outcome),
      ...errorLines(outcome),
      ...sound.slice(0, MOST_REASONS),
      ...warningLines(outcome, sound),
      ...lines,
      `${gaps.length > 0 ? 'video with gaps' : 'video without all sound'}:  ${video}`,
      ...lackingLines(outcome),
    ];
    return printable(told.join('\n'));
  }
  return printable(
    [...frameLines(outcome), ...errorLines(outcome), `failed: ${frames} ${are} safe in ${where}`].join('\n'),
  );
}

/** One line for all frames that failed for the same reason. */
function frameLines({ progress }: RenderOutcome): string[] {
  const failed = [...progress.failed].toSorted(([a], [b]) => a - b);
  return reasonLines(failed.map(([frame, { reason, missing }]) => ({ frame, reason, missing })));
}

function reasonLines(failed: readonly FailedFrame[]): string[] {
  const reasons = groupReasons(failed);
  const rest = reasons.length - MOST_REASONS;
  return [
    ...reasons.slice(0, MOST_REASONS),
    ...(rest > 0 ? [`and ${rest} more reasons; failures/ holds them`] : []),
  ];
}

function lackingLines({ lacking }: RenderOutcome): string[] {
  return lacking ? [describeLacking(lacking)] : [];
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

function gapLines({ gaps }: Gaps, { progress }: RenderOutcome): string[] {
  const frames = formatFrames(gaps.map(({ frame }) => frame));
  const [one] = gaps;
  const shown =
    gaps.length === 1 && one
      ? `frame ${one.frame} is missing; the video shows frame ${one.shown} in its place`
      : `frames ${frames} are missing; the video shows others in their places`;
  return [
    shown,
    ...reasonLines(
      gaps.map(({ frame, reason }) => ({ frame, reason, missing: progress.failed.get(frame)?.missing })),
    ),
  ];
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
    failures: [...progress.failed].map(([frame, { reason, missing }]) => ({ frame, reason, missing })),
    missingFiles: outcome.lacking && {
      frames: outcome.lacking.frames,
      count: outcome.lacking.count,
      files: outcome.lacking.files,
    },
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
