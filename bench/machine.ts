import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';

/** The machine and its programs, in two lines. */
export function machine(): string {
  const version = (program: string, ...args: string[]) =>
    execFileSync(program, args, { encoding: 'utf8' })
      .split('\n')[0]!
      .replace(/ Copyright.*/, '')
      .trim();
  const hardware = [
    `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    `${(totalmem() / 1024 ** 3).toFixed(0)} GiB`,
    `Linux ${release()}`,
  ];
  const programs = [
    `Node ${process.version}`,
    version('blender', '--version'),
    version('ffmpeg', '-version'),
  ];
  return `${hardware.join(', ')},\n${programs.join(', ')}; ${new Date().toISOString().slice(0, 10)}.`;
}
