import * as z from 'zod/mini';
import { SpotreelError } from '../errors';
import { printableName } from '../text';
import { MAX_FRAME } from './frames';
import { SLICE_ORDERS } from './slices';
import { VIDEO_FORMATS } from './video';

/** Engines of Blender that a user may choose, by Blender's identifiers. EEVEE has the second one in Blender 4.2 to 4.5. */
const ENGINES = ['CYCLES', 'BLENDER_EEVEE', 'BLENDER_EEVEE_NEXT', 'BLENDER_WORKBENCH'] as const;

export type Engine = (typeof ENGINES)[number];

/** What messages say about a value that is no engine. */
export const ENGINES_ALLOWED = 'cycles, eevee or workbench';

/**
 * The identifier of the engine that `text` names in any case, with or without `BLENDER_` in front: `cycles`, `eevee`,
 * `Blender_Workbench`. `undefined` for an unknown engine.
 */
export function engineOf(text: string): Engine | undefined {
  const id = text.trim().toUpperCase();
  return ENGINES.find((engine) => engine === id || engine === `BLENDER_${id}`);
}

/** How options name an OpenColorIO configuration: a path from the scene's folder, or a name of one that OpenColorIO has built in. */
const BUILT_IN = /^ocio:\/\/[\w.+-]{1,200}$/;
// oxlint-disable-next-line no-control-regex -- control characters are the subject
const FILE = /^\/\/(?!\/)[^\\\u0000-\u001f\u007f-\u009f]*[^/\\\u0000-\u001f\u007f-\u009f]\.ocioz?$/i;

/** For messages. */
export const OCIO_ALLOWED =
  'a .ocio or .ocioz file by its path from the folder of the scene, such as colors/config.ocio, or ocio://NAME';

/** Whether `text` is the option `ocio` as plans have it: `//colors/config.ocio` or `ocio://cg-config-latest`. Pure. */
export const isOcio = (text: string): boolean => BUILT_IN.test(text) || FILE.test(text);

/** Whether the option names a configuration of OpenColorIO's own, which is no file. Pure. */
export const isBuiltInOcio = (ocio: string): boolean => BUILT_IN.test(ocio);

/** The option as users write it in metadata, where `//` may be left out; the schema judges the result. Pure. */
export function ocioOf(text: string): string {
  return text.startsWith('/') || text.startsWith('ocio://') ? text : `//${text.replace(/^(\.\/)+/, '')}`;
}

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
    /** Render in spite of such errors as may be overruled (see `core/scene/findings/codes.ts`). */
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

/**
 * The tag that everything of a farm carries, its machines and jobs too. The budget filters by it, once it is switched on as a
 * cost allocation tag; the fault-injection experiment finds machines by it; the Lambdas may terminate only jobs that have it.
 */
export const FARM_TAG = 'spotreel:farm';

/** By whom and for what a render is, as AWS's bills can tell it: `artist` → `ann`. */
export type Tags = Readonly<Record<string, string>>;

/** How the names of Spotreel's own tags begin. */
const OWN_PREFIX = 'spotreel:';
/** How the names of AWS's own tags begin. */
const AWS_PREFIX = 'aws:';
/** The tag of each job that names its render. */
const RENDER_TAG = `${OWN_PREFIX}render`;

/**
 * AWS Batch fails a job that has more than 50 tags with those of its definition, which carries the farm's:
 * https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html
 */
const MOST_TAGS = 40;

/** https://docs.aws.amazon.com/batch/latest/APIReference/API_TagResource.html; the characters are those that all of AWS takes. */
const LONGEST_NAME = 128;
const LONGEST_VALUE = 256;
const ALLOWED = /^[\p{L}\p{Zs}\p{N}_.:/=+\-@]*$/u;

/**
 * Tags as people write them, `name=value` each. Throws `bad-tag` (usage), naming the tag and the limit of AWS that it
 * breaks: AWS Batch would refuse the job, or fail it after a while.
 */
export function parseTags(texts: readonly string[]): Tags {
  const tags = new Map<string, string>();
  for (const text of texts) {
    const [name, value] = splitTag(text);
    const fault = nameFault(name) ?? valueFault(value);
    if (fault !== undefined) throw badTag(text, fault);
    if (tags.has(name))
      throw badTag(text, `comes after another one of the name "${name}"; give each name once`);
    tags.set(name, value);
  }
  if (tags.size > MOST_TAGS)
    throw badTag(
      texts.at(-1)!,
      `is one of ${tags.size}: ${MOST_TAGS} at most, as AWS Batch takes 50 with its own`,
    );
  return Object.fromEntries([...tags].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** The tags of a render's jobs: pure. A job does not inherit the farm's tag from its definition. ECS hands them on to the bill where the account allocates costs by tags. */
export function jobTags(renderId: string, tags: Tags | undefined, farmName?: string): Tags {
  return {
    ...tags,
    [RENDER_TAG]: tagValue(renderId),
    ...(farmName !== undefined && { [FARM_TAG]: farmName }),
  };
}

/** `artist=ann, shot=12`. */
export function formatTags(tags: Tags): string {
  return Object.entries(tags)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');
}

function splitTag(text: string): [name: string, value: string] {
  const equals = text.indexOf('=');
  if (equals < 0) throw badTag(text, 'must be name=value');
  return [text.slice(0, equals).trim(), text.slice(equals + 1).trim()];
}

function nameFault(name: string): string | undefined {
  if (name.length === 0) return 'must have a name before the =';
  if ([AWS_PREFIX, OWN_PREFIX].some((prefix) => folded(name).startsWith(prefix)))
    return `must have another name: "aws:" is AWS's and "${OWN_PREFIX}" is Spotreel's`;
  return textFault('name', name, LONGEST_NAME);
}

/**
 * A name without what some readers of tags ignore. Names differ by capitals, but IAM's condition keys do not
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html).
 */
function folded(name: string): string {
  return name.normalize('NFKC').replace(/\p{Z}/gu, '').toLowerCase();
}

function valueFault(value: string): string | undefined {
  return textFault('value', value, LONGEST_VALUE);
}

function textFault(what: string, text: string, longest: number): string | undefined {
  if (text.length > longest) return `has a ${what} of more than ${longest} characters`;
  if (!ALLOWED.test(text))
    return `may have letters, digits, spaces and _ . : / = + - @ in its ${what}, and no others`;
  return undefined;
}

function badTag(text: string, fault: string): SpotreelError {
  return new SpotreelError('bad-tag', 'usage', `tag "${printableName(text)}" ${fault}`);
}

/**
 * A render id as a tag may have it: letters and digits of every script, but no combining marks, by the documentation.
 * Source: https://docs.aws.amazon.com/batch/latest/APIReference/API_TagResource.html
 */
function tagValue(renderId: string): string {
  return renderId.replace(/\p{M}+/gu, '');
}

/** US dollars as people write them, `5` or `2.50`; `undefined` for what is none, and for nothing. */
export function parseUsd(text: string): number | undefined {
  const usd = /^\d{1,9}(\.\d{1,6})?$/.test(text) ? Number(text) : 0;
  return usd > 0 ? usd : undefined;
}

/** Names as in the settings: families or types. */
const instanceTypes = z.lazy(() => z.array(z.string().check(z.minLength(1))).check(z.minLength(1)));

/** Of what size a farm's jobs are and which machines they may run on: what their cost is reckoned by. */
export const machinesSchema = z.lazy(() =>
  z.object({
    /** Of one slice, and of the job that makes the video. */
    renderVcpus: z.int().check(z.gte(1)),
    stitchVcpus: z.int().check(z.gte(1)),
    /** Families (`m6i`) or types (`m6i.2xlarge`). */
    instanceTypes,
    /** Only where the farm has GPUs. */
    gpuInstanceTypes: z.optional(instanceTypes),
  }),
);

export type Machines = Readonly<z.infer<typeof machinesSchema>>;
