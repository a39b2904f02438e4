import { join } from 'node:path';
import { messageOf } from '../../../core/errors';
import { runProgram } from '../../../core/processes/run-program';
import type { Finding, Manifest } from '../../../core/render/manifest';
import type { VideoFileFormat } from '../../../core/render/video';
import { StorageError } from '../../../core/storage/storage';
import { countOf, printableName, printableReason } from '../../../core/text';
import { prepareMix } from '../blender/prepare';
import { BlenderSession, type SessionEvent } from '../blender/session';
import { stoppedError, type WorkerContext } from '../context';
import { takeCopy } from '../files/take-file';
import { mostSoundBytes } from '../frames/bytes';
import { requireEncoder } from '../programs';
import { prepareFfmpeg, soundArgs, soundEncoderOf } from './ffmpeg';

/** The sound of a video. */
export interface MixedSound {
  /** A FLAC file in the worker's own folder, to the sample as long as the video; absent where there is none. */
  readonly path?: string;
  /** What there should have been to hear and is not, as far as the preflight did not report it. */
  readonly findings: readonly Finding[];
  /** All that there should have been to hear and is not, a sentence each. */
  readonly lacks: readonly string[];
}

/**
 * What Blender mixes down of the scene's sound over the frames of the video, where the plan has sound. Nothing that goes
 * wrong with it costs the video, which then ends as partial, but for storage that fails for the moment, which the frames need as well. Throws that, and
 * `stopped` when asked to stop.
 */
export async function mixSound(
  manifest: Manifest,
  video: VideoFileFormat,
  context: WorkerContext,
): Promise<MixedSound> {
  const encoder = soundEncoderOf(video);
  if (!manifest.sound || encoder === undefined) return { findings: [], lacks: [] };
  const { scratch, signal, say } = context;
  const ffmpeg = prepareFfmpeg(context);
  const [mixed, path] = [join(scratch.own, 'mixed.flac'), join(scratch.own, 'sound.flac')];
  let sound: MixedSound;
  try {
    await requireEncoder(ffmpeg.path, encoder, video, ffmpeg.environment);
    const { missing: named, more: unnamed = 0 } = await mixDown(manifest, mixed, context);
    const missing = named.slice(0, MOST_MISSING);
    const more = named.length - missing.length + unnamed;
    const fitted = join(scratch.ffmpeg, 'sound.flac');
    const command = [...ffmpeg.command, ...soundArgs(mixed, manifest, fitted)];
    await runProgram(command, { environment: ffmpeg.environment, signal });
    const mostBytes = mostSoundBytes(secondsOf(manifest.frameCount, manifest));
    await takeCopy({ path: fitted, writer: 'ffmpeg', name: 'the sound', mostBytes }, path);
    const others = more > 0 ? [soundFinding(countOf(more, 'more file'))] : [];
    const all = [...missing.map(missingFinding), ...others];
    const findings = all.filter((one) => !manifest.findings?.some((known) => isSame(known, one)));
    sound = { path, findings, lacks: all.map(({ message }) => message) };
  } catch (error) {
    if (signal.aborted) throw stoppedError(signal);
    if (error instanceof StorageError && error.kind === 'passing') throw error;
    const message = `the video has no sound: ${printableReason(messageOf(error))}`;
    sound = { findings: [{ code: 'sound-failed', severity: 'warning', message }], lacks: [message] };
  }
  for (const { code, message } of sound.findings) say({ event: 'warning', code, message });
  return sound;
}

/** Missing files that are named, each in a warning: as many as `mix_sound.py` reports. */
const MOST_MISSING = 10;

const secondsOf = (frames: number, { frameRate }: Manifest): number =>
  (frames * frameRate.denominator) / frameRate.numerator;

/** Puts the mixed sound at `path`; gives the paths of sounds that were not there. Throws why it could not be mixed. */
async function mixDown(manifest: Manifest, path: string, context: WorkerContext): Promise<MixedEvent> {
  const { scratch, signal, say } = context;
  const frames = { start: manifest.frames[0]!.start, end: manifest.frames.at(-1)!.end };
  const saved = join(scratch.saved, 'mixed.flac');
  const blender = await prepareMix(manifest, frames, saved, context);
  if (signal.aborted) throw stoppedError(signal);
  let mixed: MixedEvent | undefined;
  let unusable: string | undefined;
  const session = new BlenderSession({
    ...blender,
    memorySetting: 'stitchMemoryMib',
    expects: (event) => mixed === undefined && MIX_EVENTS.has(event.event),
    onOutput: (line) => say({ event: 'output', program: 'blender', line }),
    onEvent: (event) => {
      if (event.event === 'mixed') mixed = event;
      if (event.event === 'unusable') unusable = event.reason;
      if (event.event !== 'started') session.finish();
    },
  });
  const stop = () => session.kill();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const reason = await session.ended;
    if (mixed === undefined) throw new Error(unusable ?? reason);
    const mostBytes = mostSoundBytes(secondsOf(frames.end - frames.start + 1, manifest));
    await takeCopy({ path: saved, writer: 'Blender', name: 'the sound', mostBytes }, path);
    return mixed;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

type MixedEvent = Extract<SessionEvent, { event: 'mixed' }>;

/** What Blender may report while it mixes. */
const MIX_EVENTS: ReadonlySet<SessionEvent['event']> = new Set(['started', 'mixed', 'unusable']);

/** Whether the preflight has reported the same file. */
const isSame = (known: Finding, { code, path }: Finding): boolean =>
  known.code === code && path !== undefined && known.path === path;

function missingFinding(path: string): Finding {
  return { ...soundFinding(printableName(path)), path };
}

function soundFinding(what: string): Finding {
  const message = `the video lacks the sound of ${what}, which is missing; add it, or pack it (File > External Data > Pack Resources)`;
  return { code: 'sound-missing', severity: 'warning', message };
}
