import { createHash } from 'node:crypto';
import type { Manifest } from '../../core/render/manifest';

/** The plan of a render of frames 1 to `frameCount`, for tests of its folder. */
export function manifestFor(renderId: string, frameCount: number, changes: Partial<Manifest> = {}): Manifest {
  return {
    version: 1,
    renderId,
    createdAt: '2026-01-01T00:00:00.000Z',
    source: { url: 's3://films/uploads/shot.blend', etag: 'e', size: 1 },
    options: {},
    blenderVersion: { major: 5, minor: 2 },
    scene: 'Scene',
    engine: 'CYCLES',
    frames: [{ start: 1, end: frameCount, step: 1 }],
    frameCount,
    framesPerSlice: frameCount,
    sliceCount: 1,
    frameRate: { numerator: 24, denominator: 1 },
    resolution: { width: 4, height: 4 },
    ...changes,
  };
}

/** Bytes that only this seed has. */
export function bytesOf(seed: string, size: number): Buffer {
  const block = createHash('sha512').update(seed).digest();
  const bytes = Buffer.alloc(size);
  for (let start = 0; start < size; start += block.length) block.copy(bytes, start);
  return bytes;
}
