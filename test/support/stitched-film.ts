import { linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { PNG } from 'pngjs';
import type { Manifest } from '../../core/render/manifest';
import type { RenderOptions } from '../../core/render/options';
import { filePath, parseLocation } from '../../core/storage/storage';
import { frameUrl, manifestUrl } from './render-urls';
import { worker } from './spotreel';

/** The greys of the first frames; later frames repeat them. */
export const GREYS = [30, 70, 110, 150, 190];

/** A render whose frames are all stored. */
export interface Film {
  readonly options: RenderOptions;
  readonly bitDepth: 8 | 16;
  /** Whether frames are half see-through. */
  readonly alpha: boolean;
  readonly size: readonly [width: number, height: number];
  /** How many there are, from `first` on (1 where it is absent). */
  readonly frames?: number;
  readonly first?: number;
  readonly rate?: readonly [numerator: number, denominator: number];
  /** The pixel density of the pictures, in pixels per metre (pHYs), as Blender 5 writes it. */
  readonly physical?: readonly [x: number, y: number];
  /** More of the manifest. */
  readonly plan?: Partial<Manifest>;
  /** In place of plain greys: the samples of pixel x of every frame, red to alpha, 0 to 255 or to 65,535. */
  readonly pixel?: (x: number) => readonly [number, number, number, number];
}

function frame(grey: number, { bitDepth, alpha, pixel, size: [width, height] }: Film): Buffer {
  const png = new PNG({ width, height });
  if (pixel) {
    const row = Array.from({ length: width }, (_, x) => pixel(x)).flat();
    const samples = Array.from({ length: height }, () => row).flat();
    const data = bitDepth === 8 ? Buffer.from(samples) : Uint16Array.from(samples);
    return PNG.sync.write(Object.assign(png, { data }), { bitDepth, colorType: alpha ? 6 : 2 });
  }
  png.data.fill(grey);
  for (let i = 3; i < png.data.length; i += 4) png.data[i] = alpha ? 128 : 255;
  const data = bitDepth === 8 ? png.data : Uint16Array.from(png.data, (value) => value * 257);
  return PNG.sync.write(Object.assign(png, { data }), { bitDepth, colorType: alpha ? 6 : 2 });
}

/** A chunk after the header. Source: PNG specification, 11.3.4.3. */
function withPhysical(png: Buffer, physical: Film['physical']): Buffer {
  if (!physical) return png;
  const [x, y] = physical;
  const chunk = Buffer.alloc(21);
  chunk.writeUInt32BE(9, 0);
  chunk.write('pHYs', 4, 'latin1');
  chunk.writeUInt32BE(x, 8);
  chunk.writeUInt32BE(y, 12);
  chunk[16] = 1;
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 17)), 17);
  return Buffer.concat([png.subarray(0, 33), chunk, png.subarray(33)]);
}

/** Writes the film's frames and plan and stitches them; gives the result. */
export async function stitchFilm(directory: string, film: Film, environment: NodeJS.ProcessEnv = {}) {
  const folder = parseLocation(`${directory}/`, '/');
  const frames = film.frames ?? GREYS.length;
  const first = film.first ?? 1;
  const [width, height] = film.size;
  const [numerator, denominator] = film.rate ?? [24000, 1001];
  const manifest: Manifest = {
    version: 1,
    renderId: 'out',
    createdAt: new Date(0).toISOString(),
    source: { url: 'file:///shot.blend', etag: 'abc', size: 5 },
    options: film.options,
    blenderVersion: { major: 3, minor: 4 },
    scene: 'Scene',
    engine: 'CYCLES',
    frames: [{ start: first, end: first + frames - 1, step: 1 }],
    frameCount: frames,
    framesPerSlice: frames,
    sliceCount: 1,
    frameRate: { numerator, denominator },
    resolution: { width, height },
    ...film.plan,
  };
  mkdirSync(join(directory, 'frames'), { recursive: true });
  writeFileSync(filePath(manifestUrl(folder)), JSON.stringify(manifest));
  for (let i = 0; i < frames; i += 1) {
    const path = filePath(frameUrl(folder, first + i));
    // After the first ones the same pictures again.
    if (i >= GREYS.length) linkSync(filePath(frameUrl(folder, first + (i % GREYS.length))), path);
    else writeFileSync(path, withPhysical(frame(GREYS[i]!, film), film.physical));
  }
  return worker(['stitch', '-i', directory, '-o', directory], { environment });
}
