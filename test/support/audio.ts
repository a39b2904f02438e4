import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

const SAMPLE_RATE = 48_000;

/** The least amplitude of a click: clicks are far louder, and what a codec adds before one is far quieter. */
const LOUD = 0.2;

/** Seconds of silence that separate two clicks. */
const SILENT_SECONDS = 0.2;

export interface AudioFacts {
  readonly codec_name: string;
  readonly sample_rate: string;
  readonly channels: number;
}

/** What ffprobe says of the one audio stream in a file; `undefined` without one. */
export async function probeAudio(path: string): Promise<AudioFacts | undefined> {
  const args = ['-v', 'error', '-select_streams', 'a', '-show_streams', '-of', 'json', path];
  const { stdout } = await run('ffprobe', args);
  return JSON.parse(stdout).streams[0];
}

/** The sound of a file decoded to one channel of samples at 48 kHz, as a player would hear it: from time 0 on. */
export async function decodeSound(path: string): Promise<Float32Array> {
  const args = ['-v', 'error', '-i', path, '-map', '0:a', '-af', 'aresample=async=1:first_pts=0'];
  const raw = ['-ac', '1', '-ar', String(SAMPLE_RATE), '-f', 'f32le', 'pipe:1'];
  const { stdout } = await run('ffmpeg', [...args, ...raw], { encoding: 'buffer', maxBuffer: 2 ** 28 });
  return new Float32Array(stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + stdout.byteLength));
}

export const secondsOf = (samples: Float32Array): number => samples.length / SAMPLE_RATE;

/** When clicks begin, in seconds. */
export function clickTimes(samples: Float32Array): number[] {
  const times: number[] = [];
  let heardAt = -Infinity;
  samples.forEach((value, i) => {
    if (Math.abs(value) < LOUD) return;
    const at = i / SAMPLE_RATE;
    if (at - heardAt > SILENT_SECONDS) times.push(at);
    heardAt = at;
  });
  return times;
}

/** A WAV file, mono, with a click of 20 ms at each of these times in seconds. */
export function clicksWav(times: readonly number[], seconds: number): Buffer {
  const samples = new Int16Array(Math.round(seconds * SAMPLE_RATE));
  for (const time of times) {
    const first = Math.round(time * SAMPLE_RATE);
    for (let i = 0; i < 0.02 * SAMPLE_RATE; i += 1)
      samples[first + i] = Math.round(30_000 * Math.sin((2 * Math.PI * 1000 * i) / SAMPLE_RATE));
  }
  const header = Buffer.alloc(44);
  header.write('RIFF');
  header.writeUInt32LE(36 + samples.byteLength, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(SAMPLE_RATE, 24);
  header.writeUInt32LE(SAMPLE_RATE * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(samples.byteLength, 40);
  return Buffer.concat([header, Buffer.from(samples.buffer)]);
}
