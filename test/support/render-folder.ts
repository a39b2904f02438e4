import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Manifest } from '../../core/render/manifest';
import { type SliceReport, sliceReportSchema } from '../../core/render/records';
import { parseManifest } from './documents';

/** The folder of the only render under an output folder. */
export function onlyRender(output: string): string {
  const names = readdirSync(output);
  if (names.length !== 1) throw new Error(`${output} holds ${names.length} renders: ${names.join(', ')}`);
  return join(output, names[0]!);
}

/** The folder of that render's frames, once it exists; the output folder may be missing or empty, too. */
export function begunFrames(output: string): string | undefined {
  if (!existsSync(output) || readdirSync(output).length === 0) return undefined;
  const frames = join(onlyRender(output), 'frames');
  return existsSync(frames) ? frames : undefined;
}

export function frameFiles(folder: string): string[] {
  return readdirSync(join(folder, 'frames')).toSorted();
}

/** The same without files that are still being written. */
export function storedFiles(folder: string): string[] {
  return frameFiles(folder).filter((name) => !name.startsWith('.'));
}

export function manifestOf(folder: string): Manifest {
  return parseManifest(readFileSync(join(folder, 'manifest.json')));
}

export function sliceReports(folder: string): SliceReport[] {
  return readdirSync(join(folder, 'slices')).map((name) =>
    sliceReportSchema.parse(JSON.parse(readFileSync(join(folder, 'slices', name), 'utf8'))),
  );
}

/** When each frame's file was last written, in milliseconds. */
export function writeTimes(folder: string): Map<string, number> {
  return new Map(frameFiles(folder).map((name) => [name, statSync(join(folder, 'frames', name)).mtimeMs]));
}

/** Files anywhere below a folder whose writing was never finished. */
export function partialFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
    basename(path).endsWith('.part'),
  );
}
