import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { pipeline } from 'node:stream/promises';
import { countOf } from '../../core/count-words';
import { codeOf, SpotreelError } from '../../core/errors';
import { withLifeline } from '../../core/processes/lifeline';
import { endOf, killProgram } from '../../core/processes/program-end';
import { eachLine } from './each-line';
import { ffmpegArgs, parseProgress, type VideoOptions } from './ffmpeg-args';

export interface EncodeOptions extends VideoOptions {
  /** ffmpeg's path, and whatever starts it. */
  readonly command: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** What must come out. */
  readonly frameCount: number;
  /** PNG pictures, in order. */
  readonly frames: AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
  readonly progress: (frames: number) => void;
  readonly onOutput: (line: string) => void;
}

/**
 * Feeds frames to ffmpeg as fast as it takes them. Throws `ffmpeg-failed` with ffmpeg's last words when it fails, when
 * it finds a frame cut short, or when it counts another number of frames than it was given; what `frames` throws passes
 * through.
 */
export async function encodeVideo(options: EncodeOptions): Promise<void> {
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

/** What a pipe says whose reader is gone: ffmpeg's own words tell why. */
const READER_GONE = ['EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET'];

async function feed({ stdin }: ChildProcess, frames: AsyncIterable<Uint8Array>): Promise<void> {
  if (!stdin) return;
  try {
    await pipeline(frames, stdin);
  } catch (error) {
    if (!READER_GONE.includes(codeOf(error) ?? '')) throw error;
  }
}

/** What ffmpeg's PNG decoder says of a picture without its last rows, which it shows all the same. */
const CUT_SHORT = 'IEND without all image';

async function listen({ stdout, stderr }: ChildProcess, { frameCount, progress, onOutput }: EncodeOptions) {
  let encoded = 0;
  let lastWords = '';
  let cutShort: string | undefined;
  const hearProgress = (line: string) => {
    const frames = parseProgress(line);
    if (frames === undefined || frames <= encoded) return;
    encoded = frames;
    // Each is an event in the log: at most one for each frame.
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

/** By a signal: no word of the frames, and the next attempt may have more luck. */
function killed(): SpotreelError {
  const message =
    'ffmpeg was killed before the video was done; if it is again, memory is short: raise the setting stitchMemoryMib';
  return new SpotreelError('ffmpeg-failed', 'passing', message);
}

function failed(words: string): SpotreelError {
  return new SpotreelError('ffmpeg-failed', 'scene', `ffmpeg could not make the video: ${words}`);
}
