import { spawn } from 'node:child_process';
import { programEnvironment } from '../../container/worker/program-environment';
import { sandboxed } from '../../container/worker/sandbox';

/** ffmpeg needs a home folder; none in which it finds anything. */
const NO_HOME = '/nonexistent';

/** Pixels high, enough for as many lines on a screen of double density. */
const HEIGHT = 360;

/** A picture that takes longer is not worth it. */
const MOST_SECONDS = 60;

/** What ffmpeg is told to make a small PNG, of 8 bits, of the PNG that comes in. It reads no other format, and nothing but the pipe. Pure. */
export function shrinkArgs(): string[] {
  const input = ['-protocol_whitelist', 'pipe', '-f', 'png_pipe', '-i', 'pipe:0'];
  const filter = `scale=-2:'min(${HEIGHT},ih)',format=rgba`;
  const output = ['-frames:v', '1', '-vf', filter, '-c:v', 'png', '-f', 'image2pipe', 'pipe:1'];
  return ['-hide_banner', '-loglevel', 'error', '-nostdin', '-threads', '1', ...input, ...output];
}

/** The picture, small; `undefined` where ffmpeg makes none of it. A render made the picture, so ffmpeg runs in the sandbox and writes no file. */
export function shrinkPicture(ffmpeg: string, png: Uint8Array): Promise<Uint8Array | undefined> {
  const [program, ...args] = sandboxed([ffmpeg, ...shrinkArgs()], { write: [] }, process.env);
  const child = spawn(program!, args, {
    env: programEnvironment(process.env, NO_HOME),
    stdio: ['pipe', 'pipe', 'ignore'],
    timeout: MOST_SECONDS * 1000,
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  // It may have seen enough before the end, or be gone.
  child.stdin.on('error', () => undefined);
  child.stdin.end(png);
  return new Promise((resolve) => {
    child.once('error', () => resolve(undefined));
    child.once('close', (code) =>
      resolve(code === 0 && chunks.length > 0 ? Buffer.concat(chunks) : undefined),
    );
  });
}
