import { programEnvironment } from '../../container/worker/program-environment';
import { sandboxed } from '../../container/worker/sandbox';
import { EXACT } from '../../container/worker/video-colours';
import { runProgram } from '../../core/processes/run-program';

/** ffmpeg needs a home folder; none in which it finds anything. */
const NO_HOME = '/nonexistent';

/** Pixels high, enough for as many lines on a screen of double density. */
const HEIGHT = 360;

/** A picture that takes longer is not worth it. */
const MOST_SECONDS = 60;

/** What ffmpeg is told to make a small PNG, of 8 bits, of the PNG that comes in. It reads no other format, and nothing but the pipe. Pure. */
export function shrinkArgs(): string[] {
  const input = ['-protocol_whitelist', 'pipe', '-f', 'png_pipe', '-i', 'pipe:0'];
  const filter = `scale=-2:'min(${HEIGHT},ih)':flags=bicubic+${EXACT},format=rgba`;
  const output = ['-frames:v', '1', '-vf', filter, '-c:v', 'png', '-f', 'image2pipe', 'pipe:1'];
  return ['-hide_banner', '-loglevel', 'error', '-nostdin', '-threads', '1', ...input, ...output];
}

/**
 * The picture, small; `undefined` if ffmpeg makes none of it. A render made the picture, so ffmpeg runs in the sandbox and
 * writes no file.
 */
export async function shrinkPicture(ffmpeg: string, png: Uint8Array): Promise<Uint8Array | undefined> {
  const command = sandboxed([ffmpeg, ...shrinkArgs()], { write: [] }, process.env);
  const environment = programEnvironment(process.env, NO_HOME);
  const options = { environment, input: png, timeoutMs: MOST_SECONDS * 1000 };
  const output = await runProgram(command, options).catch(() => undefined);
  return output && output.stdout.byteLength > 0 ? output.stdout : undefined;
}
