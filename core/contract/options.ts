import * as z from 'zod/mini';
import { ENGINES, ENGINES_ALLOWED } from './engines';
import { isOcio, OCIO_ALLOWED } from './ocio-option';
import { VIDEO_FORMATS } from './video-format';
import { SpotreelError } from '../errors';
import { MAX_FRAME } from '../render/frame-range';
import { SLICE_ORDERS } from '../render/slices';

/** What a user may ask for beyond what the scene says. All optional: the scene itself is the default. */
export const renderOptionsSchema = z.lazy(() =>
  z.strictObject({
    /** Frames such as `1-10,20,30-50x2`, in place of the scene's own range and step. */
    frames: z.optional(z.string().check(z.minLength(1), z.maxLength(100_000))),
    /** The scene to render, in place of the file's active one. */
    scene: z.optional(z.string().check(z.minLength(1), z.maxLength(255))),
    /** The camera object, in place of the scene's; what a user asks for may also be `all`, or names with commas between them. */
    camera: z.optional(z.string().check(z.minLength(1), z.maxLength(4096))),
    /** The OpenColorIO configuration: `//path` from the scene's folder, or `ocio://name`; its content is a file that the scene needs. */
    ocio: z.optional(z.string().check(z.maxLength(4096), z.refine(isOcio, `must be ${OCIO_ALLOWED}`))),
    framesPerSlice: z.optional(z.int().check(z.gte(1), z.lte(2 * MAX_FRAME + 1))),
    /** Per cent of the scene's full resolution, in place of the scene's own percentage. */
    resolutionPercent: z.optional(z.int().check(z.gte(1), z.lte(32_767))),
    /** Samples a pixel, of Cycles or EEVEE. */
    samples: z.optional(z.int().check(z.gte(1), z.lte(16_777_216))),
    /** Blender's identifier; `engineOf` makes it from what users write. */
    engine: z.optional(z.enum(ENGINES, `must be ${ENGINES_ALLOWED}`)),
    /**
     * What Cycles renders by. `GPU` is never the CPU in silence: where there is none, it is an error. Absent for what the scene is
     * set to, as far as the machine has it; a farm's machines are then those without GPUs.
     */
    device: z.optional(z.enum(['CPU', 'GPU'])),
    /** What is made of the frames; H.264 by default. */
    video: z.optional(z.enum(VIDEO_FORMATS)),
    /** Behind see-through frames in videos that can't be: `rrggbb`, black by default. */
    background: z.optional(z.string().check(z.regex(/^[0-9a-f]{6}$/, 'must be a colour such as 1a2b3c'))),
    /** What fills a frame that is missing from a video all the same: the frame before it, `mark` with words on it that say so. */
    gaps: z.optional(z.enum(['hold', 'mark'])),
    /** `spread`: slices all over the shot come first, of which a preview is made; by default in renders of many slices. */
    order: z.optional(z.enum(SLICE_ORDERS)),
    /** Render in spite of such errors as may be overruled (see `core/preflight/finding-codes.ts`). */
    force: z.optional(z.literal(true)),
    /** Let the scene's scripts and drivers run, in the sandbox (see `docs/adr/0025-scene-scripts-run-only-with-consent.md`). */
    allowScripts: z.optional(z.literal(true)),
  }),
);

export type RenderOptions = z.infer<typeof renderOptionsSchema>;

/** `scripts-refused` where the options ask for scripts and the farm does not allow them. Pure. */
export function scriptFaults(
  { allowScripts }: RenderOptions,
  { allowsScripts }: { readonly allowsScripts?: boolean | undefined },
): SpotreelError[] {
  if (!allowScripts || allowsScripts) return [];
  const message =
    'this farm does not allow scripts: deploy it with the setting allowScripts: true (a watch folder: start it with --allow-scripts), or leave out allow-scripts';
  return [new SpotreelError('scripts-refused', 'usage', message)];
}
