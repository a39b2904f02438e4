import * as z from 'zod/mini';
import { SpotreelError } from '../errors';
import { renderOptionsSchema } from './options';
import { parseJson } from './parse-json';

const frameRangeSchema = z.object({
  start: z.int(),
  end: z.int(),
  step: z.int().check(z.gte(1)),
});

/** The plan of a render, written once, before any job is submitted; everything else is read from it. */
export const manifestSchema = z.object({
  version: z.literal(1),
  renderId: z.string().check(z.minLength(1)),
  createdAt: z.iso.datetime(),
  /** The `.blend` and the version of it that is rendered. */
  source: z.object({ url: z.string(), etag: z.string(), size: z.int().check(z.gte(0)) }),
  /** As the user gave them. */
  options: renderOptionsSchema,
  /** Of the Blender that saved the file. */
  blenderVersion: z.object({ major: z.int(), minor: z.int() }),
  scene: z.string().check(z.minLength(1)),
  engine: z.string().check(z.minLength(1)),
  /** Ascending, no frame twice. */
  frames: z.array(frameRangeSchema).check(z.minLength(1)),
  frameCount: z.int().check(z.gte(1)),
  framesPerSlice: z.int().check(z.gte(1)),
  sliceCount: z.int().check(z.gte(1)),
  /** Frames per second. */
  frameRate: z.object({ numerator: z.int().check(z.gte(1)), denominator: z.int().check(z.gte(1)) }),
  /** Of every frame, in pixels. */
  resolution: z.object({ width: z.int().check(z.gte(1)), height: z.int().check(z.gte(1)) }),
});

export type Manifest = z.infer<typeof manifestSchema>;

/** Reads a `manifest.json`. Throws `bad-manifest` naming `where` and the field at fault. */
export function parseManifest(bytes: Uint8Array, where: string): Manifest {
  return parseJson(manifestSchema, bytes, (reason) => {
    const message = `${where} is no manifest of this version of Spotreel (${reason}); render under another name or output`;
    return new SpotreelError('bad-manifest', 'scene', message);
  });
}
