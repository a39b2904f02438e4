import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { z } from 'zod';
import { USUAL_FARM } from '../core/jobs/farm';

const text = z.string().min(1);

/** A family (`m6i`) or a type (`m6i.2xlarge`) of today's names; Graviton's have a `g` behind the generation. */
const instanceType = z
  .string()
  .regex(
    /^(?!a1\b)[a-z]+\d+(?!g)[a-z]*(-[a-z0-9]+)?(\.[a-z0-9-]+)?$/,
    'must be an x86 instance family or type, such as m6i or m6i.2xlarge',
  );

const instanceTypes = z.array(instanceType).min(1).max(50);

/** Files tell no more of their Blender than its series. */
function areOfDifferentSeries(versions: readonly string[]): boolean {
  return new Set(versions.map((version) => version.split('.', 2).join('.'))).size === versions.length;
}

/**
 * Every setting of a deployment: `context.spotreel` of cdk.json, or `SPOTREEL_<SETTING>` in the environment, which
 * goes first. Each carries its description, which the README's table shows, and its default.
 */
export const settingsSchema = z.strictObject({
  farmName: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,29}$/, 'must be at most 30 of a-z, 0-9 and -, a letter first')
    .default('main')
    .describe(
      'name of the farm: part of the names of its stacks and of its SSM parameter `/spotreel/<name>`',
    ),
  vpcId: z
    .string()
    .regex(/^vpc-([0-9a-f]{8}|[0-9a-f]{17})$/, 'must be the id of a VPC, such as vpc-0123456789abcdef0')
    .optional()
    .describe('existing VPC to run in; needs `subnetIds`. Without it the farm makes its own'),
  subnetIds: z
    .array(
      z
        .string()
        .regex(
          /^subnet-([0-9a-f]{8}|[0-9a-f]{17})$/,
          'must be ids of subnets, such as subnet-0123456789abcdef0',
        ),
    )
    .min(1)
    .max(16)
    .optional()
    .describe('subnets of that VPC, with a way to the internet'),
  zones: z
    .int()
    .min(2)
    .max(3)
    .default(2)
    .describe('availability zones of the farm’s own VPC; 3 finds more Spot machines where the region has 3'),
  spotVcpus: z
    .int()
    .min(1)
    .max(10_000)
    .default(USUAL_FARM.spotVcpus)
    .describe('most vCPUs of Spot machines at a time; an account’s own Spot quota may be lower'),
  instanceTypes: instanceTypes
    .default([...USUAL_FARM.instanceTypes])
    .describe('x86 families or types to choose from; more of them mean fewer interruptions'),
  onDemandVcpus: z
    .int()
    .min(0)
    .max(10_000)
    .default(0)
    .describe(
      'most vCPUs of On-Demand machines, at full price, in a queue of their own: for frames that Spot machines left behind, and for `retry --on-demand`; 0 for none',
    ),
  gpuVcpus: z
    .int()
    .min(0)
    .max(10_000)
    .default(0)
    .describe('most vCPUs of Spot machines with NVIDIA GPUs, in a queue of their own; 0 for none'),
  gpuInstanceTypes: instanceTypes
    .default([...USUAL_FARM.gpuInstanceTypes])
    .describe('families or types with NVIDIA GPUs to choose from'),
  diskGib: z
    .int()
    .min(30)
    .max(16_384)
    .default(100)
    .describe('GiB of disk of a machine: system, image, and the scenes and frames of all slices on it'),
  imageUri: text
    .max(512)
    .optional()
    .describe(
      'container image to run, with `{version}` in it one for each of `blenderVersions`; without it `cdk deploy` builds them from `container/`',
    ),
  blenderVersions: z
    .array(z.string().regex(/^\d+\.\d+\.\d+$/, 'must be full versions of Blender, such as 5.2.3'))
    .min(1)
    .max(5)
    .refine(areOfDifferentSeries, 'must be of different series: one of 5.2.3 and 5.2.4, not both')
    .transform((versions) => versions.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })))
    .default(['5.2.3'])
    .describe(
      'Blenders to have, each in an image of its own; a scene is rendered by the oldest that is not older than the one that saved it',
    ),
  renderVcpus: z.int().min(1).max(192).default(USUAL_FARM.renderVcpus).describe('vCPUs of one slice'),
  renderMemoryMib: z
    .int()
    .min(512)
    .max(1_572_864)
    .default(14_000)
    .describe('MiB of memory of one slice; what the scene needs and a little more'),
  stitchVcpus: z.int().min(1).max(192).default(USUAL_FARM.stitchVcpus).describe('vCPUs of the video’s job'),
  stitchMemoryMib: z
    .int()
    .min(512)
    .max(1_572_864)
    .default(7_000)
    .describe('MiB of memory of the video’s job, in which Blender opens scenes that have sound'),
  attempts: z
    .int()
    .min(1)
    .max(10)
    .default(5)
    .describe('how often a slice is tried when machines are reclaimed; AWS Batch allows 10'),
  renderTimeoutMinutes: z
    .int()
    .min(1)
    .max(20_160)
    .default(720)
    .describe('minutes after which one attempt of a slice is stopped, so that none bills for ever'),
  hangMinutes: z
    .int()
    .min(1)
    .max(20_160)
    .default(60)
    .describe('minutes without a word or a frame after which a hung Blender is killed'),
  logMiB: z
    .int()
    .min(1)
    .max(10_240)
    .default(64)
    .describe('MiB of the log of one attempt; further lines of Blender and ffmpeg are dropped'),
  stitchTimeoutMinutes: z
    .int()
    .min(1)
    .max(20_160)
    .default(120)
    .describe('minutes after which one attempt at the video is stopped'),
  email: z.email().optional().describe('address told when a render is done or has failed, and of alarms'),
  allowScripts: z
    .boolean()
    .default(false)
    .describe(
      'whether renders may ask to run the scripts of their scenes (`allow-scripts`), in the sandbox; anybody who can upload then runs code on the farm',
    ),
  ocio: text
    .max(4096)
    .regex(/\.ocioz?$/i, 'must be the path of a .ocio or .ocioz file')
    .optional()
    .describe(
      'OpenColorIO configuration of all renders: a .ocio or .ocioz file of the machine that deploys, built into the images with the colour files that it names; a render’s own `ocio` goes first',
    ),
  renderDays: z
    .int()
    .min(0)
    .max(36_500)
    .default(0)
    .describe(
      'days after which everything of a render, its video too, is deleted from the bucket; 0 keeps it',
    ),
  logDays: z
    .enum(RetentionDays)
    .exclude(['INFINITE'])
    .default(RetentionDays.ONE_MONTH)
    .describe('days that logs are kept'),
  versioned: z
    .boolean()
    .default(false)
    .describe('whether the bucket keeps overwritten and deleted objects, for 30 days'),
  deleteBucket: z
    .boolean()
    .default(false)
    .describe('whether `cdk destroy` deletes the bucket and every scene and render in it'),
  monthlyBudgetUsd: z
    .number()
    .min(0)
    .max(1_000_000)
    .default(0)
    .describe(
      'US dollars a month of which 80 % and 100 % are told by mail; needs `email`. It stops nothing; 0 for none',
    ),
  interruptionExperiment: z
    .boolean()
    .default(false)
    .describe(
      'whether to deploy an experiment (AWS FIS) that reclaims up to 5 of the farm’s Spot machines when started',
    ),
});

export type Settings = Readonly<z.infer<typeof settingsSchema>>;

/** The name of a setting. */
type SettingName = keyof Settings;

/** What a reader of the README needs to know of one setting. */
export interface SettingDescription {
  readonly name: SettingName;
  /** The variable of the environment that goes before cdk.json. */
  readonly variable: string;
  /** As it would stand in cdk.json; `undefined` when there is none. */
  readonly defaultValue: unknown;
  readonly description: string;
}

const SHAPE = settingsSchema.shape;
const NAMES = settingsSchema.keyof().options;

/** `spotVcpus` → `SPOTREEL_SPOT_VCPUS`, `logMiB` → `SPOTREEL_LOG_MIB`. */
export function settingVariable(name: string): string {
  return `SPOTREEL_${name.replace(/[A-Z](?=[a-z])/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** Every setting, in the order of the README's table, which a test holds against this list. */
export const SETTINGS: readonly SettingDescription[] = NAMES.map((name) => ({
  name,
  variable: settingVariable(name),
  defaultValue: SHAPE[name].safeParse(undefined).data,
  description: SHAPE[name].description ?? '',
}));

/** A deployment's settings are wrong; the message names each key, its value and what is allowed. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

/**
 * Settings from `context` (`context.spotreel` of cdk.json) and `environment`, which goes first. Variables that are no
 * setting's are left alone: the worker and the command line have some of their own. Throws `SettingsError`.
 */
export function readSettings(
  context: unknown,
  environment: Readonly<Record<string, string | undefined>>,
): Settings {
  const fromContext = z.record(z.string(), z.unknown()).safeParse(context ?? {});
  if (!fromContext.success) {
    throw new SettingsError(`"spotreel" in cdk.json must be an object, not ${JSON.stringify(context)}`);
  }
  const given: Record<string, unknown> = { ...fromContext.data, ...settingsFrom(environment) };
  const result = settingsSchema.safeParse(given);
  const problems = result.success ? checkTogether(result.data) : describe(result.error, given, environment);
  if (!result.success || problems.length > 0) {
    throw new SettingsError(['wrong settings:', ...problems.map((problem) => `  ${problem}`)].join('\n'));
  }
  return result.data;
}

/** What the schema can't say: settings that need another one. */
function checkTogether(settings: Settings): string[] {
  const problems: string[] = [];
  if ((settings.vpcId === undefined) !== (settings.subnetIds === undefined)) {
    problems.push('vpcId and subnetIds go together: give both, or neither for a VPC of the farm’s own');
  }
  if (settings.monthlyBudgetUsd > 0 && settings.email === undefined) {
    problems.push(`monthlyBudgetUsd (${settings.monthlyBudgetUsd}) needs email: it is told by mail`);
  }
  if (settings.ocio !== undefined && settings.imageUri !== undefined) {
    problems.push(
      'ocio is built into the images that cdk deploy makes, and imageUri names one: leave one of them out',
    );
  }
  const largest = settings.spotVcpus;
  for (const name of ['renderVcpus', 'stitchVcpus'] as const) {
    if (settings[name] > largest) {
      problems.push(
        `${name} is ${settings[name]}, more than spotVcpus (${largest}): such a job would never start`,
      );
    }
  }
  for (const name of ['gpuVcpus', 'onDemandVcpus'] as const) {
    if (settings[name] > 0 && settings[name] < settings.renderVcpus) {
      problems.push(
        `${name} is ${settings[name]}, less than renderVcpus (${settings.renderVcpus}): no job would start`,
      );
    }
  }
  return problems;
}

function settingsFrom(environment: Readonly<Record<string, string | undefined>>): Record<string, unknown> {
  const given = NAMES.flatMap((name) => {
    const value = environment[settingVariable(name)];
    return value === undefined ? [] : [[name, fromText(name, value)] as const];
  });
  return Object.fromEntries(given);
}

/** A variable's text as what cdk.json would hold: numbers and truth values as such, lists with commas. */
function fromText(name: SettingName, value: string): unknown {
  const { defaultValue } = SETTINGS.find((setting) => setting.name === name)!;
  if (Array.isArray(defaultValue) || name === 'subnetIds') return value.split(',').map((item) => item.trim());
  if (typeof defaultValue === 'number') return /^\d+(\.\d+)?$/.test(value) ? Number(value) : value;
  if (typeof defaultValue === 'boolean') return value === 'true' || (value === 'false' ? false : value);
  return value;
}

function describe(
  error: z.ZodError,
  given: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  return error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => `${key} is no setting; the settings are ${NAMES.join(', ')}`);
    }
    const name = String(issue.path[0]);
    const place =
      environment[settingVariable(name)] === undefined ? name : `${settingVariable(name)} (${name})`;
    return `${place} is ${JSON.stringify(given[name])}: ${issue.message}`;
  });
}
