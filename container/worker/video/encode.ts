import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { codeOf, messageOf, SpotreelError } from '../../../core/errors';
import { endOf, killProgram, runProgram, withLifeline } from '../../../core/processes/run-program';
import type { Finding, Manifest } from '../../../core/render/manifest';
import { VIDEO_FILES, type VideoFileFormat } from '../../../core/render/video';
import { StorageError } from '../../../core/storage/storage';
import { countOf, printableName, printableReason } from '../../../core/text';
import { prepareMix } from '../blender/prepare';
import { BlenderSession, eachLine, type SessionEvent } from '../blender/session';
import { stoppedError, type WorkerContext } from '../context';
import { mostSoundBytes, mostVideoBytes, takeCopy } from '../frames/saved-files';
import { hasAlpha } from '../frames/png';
import { hasEncoder, requireEncoder } from '../programs';
import { diskFull } from '../slice-run';
import {
  encoderOf,
  ffmpegArgs,
  parseFfmpegProgress,
  prepareFfmpeg,
  soundArgs,
  soundEncoderOf,
  type VideoOptions,
} from './ffmpeg';
import { PREVIEW_CODEC, PREVIEW_ENCODER, PREVIEW_NAME, previewFilter } from './showcase';

/** A video on this machine. */
export interface MadeVideo {
  /** In the worker's own folder. */
  readonly path: string;
  /** Whether a small version is in ffmpeg's folder as `PREVIEW_NAME`; not every ffmpeg can make it. */
  readonly hasPreview: boolean;
  /** Missing sound that the preflight did not report. */
  readonly findings: readonly Finding[];
  /** All missing sound, a sentence each. */
  readonly lacks: readonly string[];
}

/** Black. */
const DEFAULT_BACKGROUND = '000000';

/** Makes the video of these pictures, with sound if the plan has any. Throws `ffmpeg-failed` and the errors of `pngs`. */
export async function makeVideo(
  manifest: Manifest,
  video: VideoFileFormat,
  pngs: AsyncIterable<Uint8Array>,
  context: WorkerContext,
): Promise<MadeVideo> {
  const { scratch, say, signal } = context;
  const name = `output.${VIDEO_FILES[video].ending}`;
  const total = manifest.frameCount;
  const { path: ffmpeg, command, environment } = prepareFfmpeg(context);
  const encoder = encoderOf(video);
  const { path: sound, findings, lacks } = await mixSound(manifest, video, context);
  const hasPreview = encoder === PREVIEW_ENCODER || (await hasEncoder(ffmpeg, PREVIEW_ENCODER, environment));
  const { first, all: frames } = await withFirst(pngs);
  const [encoded, path] = [join(scratch.ffmpeg, name), join(scratch.own, name)];
  try {
    await encodeVideo({
      command,
      environment,
      format: video,
      // All frames have the same settings, so the first shows whether they have alpha.
      alpha: first !== undefined && hasAlpha(first),
      background: manifest.options.background ?? DEFAULT_BACKGROUND,
      pixelAspect: manifest.pixelAspect,
      display: manifest.display,
      sound,
      ...(hasPreview && {
        preview: {
          filter: previewFilter(total, manifest),
          codec: PREVIEW_CODEC,
          path: join(scratch.ffmpeg, PREVIEW_NAME),
        },
      }),
      path: encoded,
      frameRate: manifest.frameRate,
      frameCount: total,
      frames,
      signal,
      progress: (done) => say({ event: 'stitching', frames: done, total }),
      onOutput: (line) => say({ event: 'output', program: 'ffmpeg', line }),
    });
    const mostBytes = mostVideoBytes(manifest.resolution, total);
    await takeCopy({ path: encoded, writer: 'ffmpeg', name: 'the video', mostBytes }, path);
    return { path, findings, lacks, hasPreview };
  } catch (error) {
    if (signal.aborted) throw stoppedError(signal);
    // To ask before takes a tenth of a second, and the answer is almost always yes.
    if (codeOf(error) === 'ffmpeg-failed') await requireEncoder(ffmpeg, encoder, video, environment);
    throw codeOf(error) === 'ENOSPC' ? diskFull(scratch.own) : error;
  }
}

export interface EncodeOptions extends VideoOptions {
  /** ffmpeg's path, after the sandbox that starts it, if any. */
  readonly command: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** The number of frames that the video must have. */
  readonly frameCount: number;
  /** PNG pictures, in order. */
  readonly frames: AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
  readonly progress: (frames: number) => void;
  readonly onOutput: (line: string) => void;
}

/**
 * Feeds frames to ffmpeg as fast as it reads them. Throws `ffmpeg-failed` with ffmpeg's last message if ffmpeg fails, finds
 * a truncated frame, or encodes another number of frames; and the errors of `frames`.
 */
async function encodeVideo(options: EncodeOptions): Promise<void> {
  const { command, environment, frameCount, signal } = options;
  const [program, ...argv] = withLifeline([...command, ...ffmpegArgs(options)]);
  const stdio: StdioOptions = ['pipe', 'pipe', 'pipe'];
  const child = spawn(program!, argv, { env: environment, stdio });
  const heard = listen(child, options);
  const ended = endOf(child);
  const fed = feed(child, options.frames);
  const stop = () => killProgram(child);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    const [{ exitCode }, { encoded, lastWords, cutShort }] = await Promise.all([ended, heard, fed]);
    if (exitCode === null) throw killed();
    if (exitCode !== 0) throw failed(lastWords || `it ended with exit code ${exitCode}`);
    if (cutShort !== undefined) throw failed(cutShort);
    if (encoded !== frameCount) throw failed(`it encoded ${encoded} of ${countOf(frameCount, 'frame')}`);
  } catch (error) {
    killProgram(child);
    await Promise.allSettled([ended, heard, fed]);
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Errors of a pipe whose reader has ended: ffmpeg's own messages show why. */
const READER_GONE = ['EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET'];

async function feed({ stdin }: ChildProcess, frames: AsyncIterable<Uint8Array>): Promise<void> {
  if (!stdin) return;
  try {
    await pipeline(frames, stdin);
  } catch (error) {
    if (!READER_GONE.includes(codeOf(error) ?? '')) throw error;
  }
}

/** The message of ffmpeg's PNG decoder for a picture without its last rows, which it still decodes. */
const CUT_SHORT = 'IEND without all image';

async function listen({ stdout, stderr }: ChildProcess, { frameCount, progress, onOutput }: EncodeOptions) {
  let encoded = 0;
  let lastWords = '';
  let cutShort: string | undefined;
  const hearProgress = (line: string) => {
    const frames = parseFfmpegProgress(line);
    if (frames === undefined || frames <= encoded) return;
    encoded = frames;
    // Each is an event in the log, so at most one for each frame.
    if (frames <= frameCount) progress(frames);
  };
  const hearWords = (line: string) => {
    if (line.trim() !== '') lastWords = line.trim();
    if (line.includes(CUT_SHORT)) cutShort ??= line.trim();
    onOutput(line);
  };
  await Promise.all([eachLine(stdout, hearProgress), eachLine(stderr, hearWords)]);
  return { encoded, lastWords, cutShort };
}

/** ffmpeg was killed by a signal: the frames are not at fault, and the next attempt may succeed. */
function killed(): SpotreelError {
  const message =
    'ffmpeg was killed before the video was done; if this happens again, raise the setting stitchMemoryMib';
  return new SpotreelError('ffmpeg-failed', 'passing', message);
}

function failed(words: string): SpotreelError {
  return new SpotreelError('ffmpeg-failed', 'scene', `ffmpeg could not make the video: ${words}`);
}

/** The first of `items`, and all of them including the first. */
async function withFirst<T>(
  items: AsyncIterable<T>,
): Promise<{ readonly first?: T; readonly all: AsyncIterable<T> }> {
  const iterator = items[Symbol.asyncIterator]();
  const { value: first, done } = await iterator.next();
  if (done) return { all: { [Symbol.asyncIterator]: () => iterator } };
  async function* all(): AsyncGenerator<T> {
    yield first;
    yield* { [Symbol.asyncIterator]: () => iterator };
  }
  return { first, all: all() };
}

/**
 * Yields the results of `read` for `items`, in their order, with at most `most` reads ahead. A failed read throws at its
 * place in the order.
 */
export async function* readAhead<T, R>(
  items: Iterable<T>,
  most: number,
  read: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const ahead: Array<Promise<R>> = [];
  for (const item of items) {
    if (ahead.length === most) yield await ahead.shift()!;
    const result = read(item);
    // The `await` below reports a failure; until then it must not be an unhandled rejection.
    result.catch(() => undefined);
    ahead.push(result);
  }
  for (const result of ahead) yield await result;
}

/** The sound of a video. */
export interface MixedSound {
  /** A FLAC file in the worker's own folder, exactly as long as the video; absent if there is no sound. */
  readonly path?: string;
  /** Missing sound that the preflight did not report. */
  readonly findings: readonly Finding[];
  /** All missing sound, a sentence each. */
  readonly lacks: readonly string[];
}

/**
 * Lets Blender mix the scene's sound over the frames of the video, if the plan has sound. A failure makes the video partial
 * and is a finding. Throws only passing storage errors, which would fail the frames too, and `stopped` on request.
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

/** Missing files named at most, each in a warning: as many as `mix_sound.py` reports. */
const MOST_MISSING = 10;

const secondsOf = (frames: number, { frameRate }: Manifest): number =>
  (frames * frameRate.denominator) / frameRate.numerator;

/** Puts the mixed sound at `path` and returns the paths of missing sounds. Throws if Blender cannot mix it. */
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

/** Events that Blender may report while it mixes. */
const MIX_EVENTS: ReadonlySet<SessionEvent['event']> = new Set(['started', 'mixed', 'unusable']);

/** Whether the preflight reported the same file. */
const isSame = (known: Finding, { code, path }: Finding): boolean =>
  known.code === code && path !== undefined && known.path === path;

function missingFinding(path: string): Finding {
  return { ...soundFinding(printableName(path)), path };
}

function soundFinding(what: string): Finding {
  const message = `the video lacks the sound of ${what}, which is missing; add it, or pack it (File > External Data > Pack Resources)`;
  return { code: 'sound-missing', severity: 'warning', message };
}
