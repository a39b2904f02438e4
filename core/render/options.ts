import * as z from 'zod/mini';
import { SpotreelError } from '../errors';
import { printableName } from '../text';
import { MAX_FRAME, parseFrameRanges } from './frames';
import { SLICE_ORDERS } from './slices';
import { VIDEO_FORMATS } from './video';

/** Blender's identifiers of the engines that a user may choose. EEVEE has the second one in Blender 4.2 to 4.5. */
const ENGINES = ['CYCLES', 'BLENDER_EEVEE', 'BLENDER_EEVEE_NEXT', 'BLENDER_WORKBENCH'] as const;

export type Engine = (typeof ENGINES)[number];

const ENGINES_ALLOWED = 'cycles, eevee or workbench';

export const OCIO_ALLOWED =
  'a .ocio or .ocioz file by its path from the folder of the scene, such as colors/config.ocio, or ocio://NAME';

/** Blender's identifier of an engine, from its name in any case: `cycles`, `eevee`, `Blender_Workbench` … */
function engineOf(text: string): Engine | undefined {
  const id = text.trim().toUpperCase();
  return ENGINES.find((engine) => engine === id || engine === `BLENDER_${id}`);
}

/** An OpenColorIO configuration in options: a path from the scene's folder, or a name that OpenColorIO has built in. */
const BUILT_IN = /^ocio:\/\/[\w.+-]{1,200}$/;
// oxlint-disable-next-line no-control-regex -- control characters are the subject
const FILE = /^\/\/(?!\/)[^\\\u0000-\u001f\u007f-\u009f]*[^/\\\u0000-\u001f\u007f-\u009f]\.ocioz?$/i;

/** Whether `text` is the option `ocio` as plans have it: `//colors/config.ocio` or `ocio://cg-config-latest`. Pure. */
export const isOcio = (text: string): boolean => BUILT_IN.test(text) || FILE.test(text);

/** Whether the option names a built-in configuration, which has no file. Pure. */
export const isBuiltInOcio = (ocio: string): boolean => BUILT_IN.test(ocio);

/** The option from a user's text, which may lack `//`; the schema checks the result. Pure. */
export function ocioOf(text: string): string {
  return text.startsWith('/') || text.startsWith('ocio://') ? text : `//${text.replace(/^(\.\/)+/, '')}`;
}

/** A row of the table of options. Its key names the option in plans; `wordOf` makes the user's word from it. */
interface OptionRow {
  /** The schema of the value in a plan. Made at the first use, so that a program starts without it. */
  readonly schema: () => z.ZodMiniType;
  /** Makes the value from a user's text; absent for text options. The schema checks the result. */
  readonly read?: (text: string) => unknown;
  /** Throws a `SpotreelError` for a text that the schema accepts but another rule forbids. */
  readonly check?: (text: string) => void;
  /** The allowed values in words: "must be …", "give …". */
  readonly limits: string;
  /** All values, as users write them; absent if there are many. */
  readonly choices?: readonly string[];
  /** The flag's short form. */
  readonly short?: string;
  /** The flag's placeholder for a value. A flag without one means `true`. */
  readonly argument?: string;
  /** The flag may be repeated; its values are joined by commas. */
  readonly repeatable?: true;
  /** The flag takes a local path, and the command makes the value from it. */
  readonly takesPath?: true;
  /** For help and docs. */
  readonly help: string;
}

/** Digits only: `Number` would also accept `1e3`, `0x10` and empty text. */
const readNumber = (text: string): number => (/^\d{1,9}$/.test(text) ? Number(text) : Number.NaN);
const lower = (text: string): string => text.toLowerCase();

const wholeNumber = (most: number, limits = `a whole number from 1 to ${most}`) => ({
  schema: () => z.int().check(z.gte(1), z.lte(most)),
  read: readNumber,
  limits,
});

/** `hold or mark`. */
const either = (texts: readonly string[]): string => `${texts.slice(0, -1).join(', ')} or ${texts.at(-1)}`;

const oneOf = <const Choice extends string>(choices: readonly Choice[]) => ({
  schema: () => z.enum(choices),
  read: lower,
  choices,
  limits: either(choices),
});

const consent = {
  schema: () => z.literal(true),
  read: (text: string) => lower(text) === 'true',
  limits: 'true, or left out',
};

/**
 * Every option of a render. The command line, upload metadata, sidecar files, docs and messages use this table. A new
 * option of the worker needs a row here and code in the worker.
 */
const TABLE = {
  /** Frames such as `1-10,20,30-50x2`, instead of the scene's range and step. */
  frames: {
    schema: () => z.string().check(z.minLength(1), z.maxLength(100_000)),
    check: parseFrameRanges,
    limits: 'frames such as 1-10,20,30-50x2',
    argument: '<ranges>',
    help: "frames such as 1-10,20, or 1-250x10 for every 10th (default: the scene's frame range)",
  },
  /** The scene to render, instead of the file's active one. */
  scene: {
    schema: () => z.string().check(z.minLength(1), z.maxLength(255)),
    limits: 'the name of a scene in the file, of 1 to 255 characters',
    argument: '<name>',
    help: "scene to render (default: the file's active scene)",
  },
  /** The camera object, instead of the scene's. A user may ask for `all` or for several names with commas. */
  camera: {
    schema: () => z.string().check(z.minLength(1), z.maxLength(4096)),
    limits: 'a camera of the scene, all, or names with commas between them',
    argument: '<name>',
    repeatable: true,
    help: 'camera name, or all; several cameras make one render each (repeatable, or with commas)',
  },
  /** The OpenColorIO configuration: `//path` from the scene's folder, a file that the scene needs, or `ocio://name`. */
  ocio: {
    schema: () => z.string().check(z.maxLength(4096), z.refine(isOcio, `must be ${OCIO_ALLOWED}`)),
    read: ocioOf,
    limits: OCIO_ALLOWED,
    argument: '<file>',
    takesPath: true,
    help: 'OpenColorIO configuration: a .ocio or .ocioz file, or ocio://NAME; uploaded with the scene',
  },
  framesPerSlice: {
    ...wholeNumber(2 * MAX_FRAME + 1, 'a whole number of 1 or more'),
    short: '-f',
    argument: '<n>',
    help: 'frames that one Blender renders in a row, a slice (default: by the seconds per frame if they are known, else by their number)',
  },
  /** Percentage of the scene's full resolution, instead of the scene's own percentage. */
  resolutionPercent: {
    ...wholeNumber(32_767),
    argument: '<p>',
    help: "percentage of the full resolution (default: the scene's)",
  },
  /** Samples per pixel, of Cycles or EEVEE. */
  samples: { ...wholeNumber(16_777_216), argument: '<n>', help: "samples per pixel (default: the scene's)" },
  /** Blender's identifier; users write `cycles`, `eevee` or `workbench`. */
  engine: {
    schema: () => z.enum(ENGINES, `must be ${ENGINES_ALLOWED}`),
    read: engineOf,
    limits: ENGINES_ALLOWED,
    argument: '<engine>',
    help: `render engine: ${ENGINES_ALLOWED} (default: the scene's)`,
  },
  /**
   * Device of Cycles. `GPU` never falls back to the CPU: a machine without a GPU is an error. Absent: the scene's
   * setting, as far as the machine has such a device; a farm then uses machines without GPUs.
   */
  device: {
    schema: () => z.enum(['CPU', 'GPU']),
    read: (text: string) => text.toUpperCase(),
    limits: 'CPU or GPU',
    choices: ['cpu', 'gpu'],
    argument: '<device>',
    help: 'device that Cycles renders with; gpu fails on a machine without a GPU',
  },
  /**
   * CPU threads of each Blender; at most 1024, Blender's limit. Absent: all vCPUs of the job, or the Blender's share
   * of cores.
   */
  threads: {
    ...wholeNumber(1024),
    argument: '<n>',
    help: 'CPU threads of each Blender (default: the cores, divided among the Blenders that run)',
  },
  /** Whether Cycles keeps its data between frames; `auto`, the default, checks once that no pixel changes. */
  persistentData: {
    ...oneOf(['auto', 'on', 'off']),
    argument: '<when>',
    help: 'keep the data of Cycles between frames: auto also checks that no pixel changes (default: auto)',
  },
  /** The video format; H.264 by default. */
  video: {
    ...oneOf(VIDEO_FORMATS),
    argument: '<format>',
    help: 'video format (default: h264, or none for a single frame)',
  },
  /** Background of videos without alpha: `rrggbb`, black by default. */
  background: {
    schema: () => z.string().check(z.regex(/^[0-9a-f]{6}$/, 'must be a colour such as 1a2b3c')),
    read: lower,
    limits: 'a colour such as 1a2b3c',
    argument: '<rrggbb>',
    help: 'background colour for videos without alpha (default: black)',
  },
  /** How a video fills a missing frame: with the frame before it; `mark` also labels it. */
  gaps: {
    ...oneOf(['hold', 'mark']),
    argument: '<how>',
    help: 'what a video shows for a missing frame: hold repeats the frame before it, mark also labels it',
  },
  /** `spread`: slices from the whole shot render first, for a preview; the default for renders of many slices. */
  order: {
    ...oneOf(SLICE_ORDERS),
    argument: '<order>',
    help: 'order of slices; spread renders a preview of the whole shot first (default: spread from 32 slices)',
  },
  /** Render despite errors that may be overruled (see `core/scene/findings/codes.ts`). */
  force: {
    ...consent,
    help: 'render despite missing files, an unknown engine or view, or a scene of a newer Blender',
  },
  /** Run the scene's scripts and drivers, in the sandbox (`docs/adr/0025-scene-scripts-run-only-with-consent.md`). */
  allowScripts: {
    ...consent,
    help: "run the scene's scripts and drivers, in a sandbox if there is one; only for scenes that you trust",
  },
} as const satisfies Readonly<Record<string, OptionRow>>;

type Table = typeof TABLE;

export type OptionName = keyof Table;

/** A user's options; the scene decides absent ones. */
export type RenderOptions = {
  [Name in OptionName]?: z.infer<ReturnType<Table[Name]['schema']>> | undefined;
};

export const RENDER_OPTIONS: Readonly<Record<OptionName, OptionRow>> = TABLE;

export const OPTION_NAMES = Object.keys(TABLE).filter((name): name is OptionName => name in TABLE);

type Shape = { [Name in OptionName]: z.ZodMiniOptional<ReturnType<Table[Name]['schema']>> };

export const renderOptionsSchema = z.lazy(() => {
  const rows = Object.entries(TABLE);
  const shape = rows.map(([name, { schema }]) => [name, z.optional<z.ZodMiniType>(schema())]);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- fromEntries loses the names
  return z.strictObject(Object.fromEntries(shape) as Shape);
});

/** The option's word in flags, upload metadata and sidecar files: `frames-per-slice` for `framesPerSlice`. Pure. */
export const wordOf = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${lower(letter)}`);

/**
 * The value of a user's text; `undefined` if it is not allowed (see the row's `limits`). Throws errors of the row's
 * `check`. Pure.
 */
export function readOption(name: OptionName, text: string): unknown {
  const { schema, read, check }: OptionRow = TABLE[name];
  const value = schema().safeParse(read ? read(text) : text);
  if (!value.success) return undefined;
  check?.(text);
  return value.data;
}

/** The fault `scripts-refused` if the options ask for scripts and the farm forbids them. Pure. */
export function scriptFaults(
  { allowScripts }: RenderOptions,
  { allowsScripts }: { readonly allowsScripts?: boolean },
): SpotreelError[] {
  if (!allowScripts || allowsScripts) return [];
  const message =
    'this farm does not allow scripts: deploy it with the setting allowScripts: true (a watch folder: start it with --allow-scripts), or leave out allow-scripts';
  return [new SpotreelError('scripts-refused', 'usage', message)];
}

/**
 * The tag of all resources of a farm, also machines and jobs. The budget filters by it if it is an active cost
 * allocation tag, the fault-injection experiment finds machines by it, and the Lambdas may terminate only jobs that
 * have it.
 */
export const FARM_TAG = 'spotreel:farm';

/** Cost allocation tags: `artist` → `ann`. */
export type Tags = Readonly<Record<string, string>>;

/** Prefix of Spotreel's own tags. */
const OWN_PREFIX = 'spotreel:';
/** Prefix of AWS's own tags. */
const AWS_PREFIX = 'aws:';
/** The tag of each job with the render id. */
const RENDER_TAG = `${OWN_PREFIX}render`;

/**
 * Most tags of a user. AWS Batch fails a job with more than 50 tags, including those of its definition:
 * https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html
 */
const MOST_TAGS = 40;

/**
 * Most characters of a name (https://docs.aws.amazon.com/batch/latest/APIReference/API_TagResource.html). Only
 * characters that all AWS services accept are allowed.
 */
const LONGEST_NAME = 128;
const LONGEST_VALUE = 256;
const ALLOWED = /^[\p{L}\p{Zs}\p{N}_.:/=+\-@]*$/u;

/**
 * Reads tags, `name=value` each. Throws `bad-tag` (usage) with the tag and the AWS limit that it exceeds: AWS Batch
 * would refuse the job or fail it later.
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

/**
 * The tags of a render's jobs. A job does not inherit the farm's tag from its definition. ECS passes tags to the bill
 * if the account uses cost allocation tags. Pure.
 */
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
 * A name as some readers of tags compare it. Tag names are case-sensitive, but IAM's condition keys are not
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

/** A render id as a tag value: letters and digits of every script, but no combining marks. */
function tagValue(renderId: string): string {
  return renderId.replace(/\p{M}+/gu, '');
}

/** US dollars from a text such as `5` or `2.50`; `undefined` for other text and for 0. */
export function parseUsd(text: string): number | undefined {
  const usd = /^\d{1,9}(\.\d{1,6})?$/.test(text) ? Number(text) : 0;
  return usd > 0 ? usd : undefined;
}

/** Families or types, as in the settings. */
const instanceTypes = z.lazy(() => z.array(z.string().check(z.minLength(1))).check(z.minLength(1)));

/** Sizes of a farm's jobs and their possible machines, for cost estimates. */
export const machinesSchema = z.lazy(() =>
  z.object({
    /** For one slice, and for the job that makes the video. */
    renderVcpus: z.int().check(z.gte(1)),
    stitchVcpus: z.int().check(z.gte(1)),
    /** Memory of the same jobs; absent in the description of a farm that an earlier version deployed. */
    renderMemoryMib: z.optional(z.int().check(z.gte(1))),
    stitchMemoryMib: z.optional(z.int().check(z.gte(1))),
    /** Families (`m6i`), types (`m6i.2xlarge`) or `default_x86_64`. */
    instanceTypes,
    /** Present if the farm has GPUs. */
    gpuInstanceTypes: z.optional(instanceTypes),
  }),
);

export type Machines = Readonly<z.infer<typeof machinesSchema>>;
