import { z } from 'zod';
import { MAX_FRAME } from '../render/frame-range';

/** What a user may ask for beyond what the scene says. All optional: the scene itself is the default. */
export const renderOptionsSchema = z
  .object({
    /** Frames such as `1-10,20,30-50x2`, in place of the scene's own range and step. */
    frames: z.string().min(1).max(100_000).optional(),
    /** The scene to render, in place of the file's active one. */
    scene: z.string().min(1).max(255).optional(),
    framesPerSlice: z
      .int()
      .min(1)
      .max(2 * MAX_FRAME + 1)
      .optional(),
    /** Per cent of the scene's full resolution, in place of the scene's own percentage. */
    resolutionPercent: z.int().min(1).max(32_767).optional(),
    /** Samples a pixel, of Cycles or EEVEE. */
    samples: z.int().min(1).max(16_777_216).optional(),
    /** Blender's identifier, such as `CYCLES` or `BLENDER_EEVEE`. */
    engine: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9_]{0,31}$/, 'must be an engine of Blender, such as CYCLES')
      .optional(),
  })
  .strict();

export type RenderOptions = z.infer<typeof renderOptionsSchema>;
