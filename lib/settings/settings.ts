import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { z } from 'zod';
import { USUAL_FARM } from '../../core/jobs/farm';
import type { Machines } from '../../core/render/options';
import { accountProblems, accountSettings, form } from './account-settings';
import {
  CDK_JSON,
  contextObject,
  nearestName,
  SETTING_TYPES,
  type SettingSource,
  type SettingsOrigin,
  settingsFrom,
  unknownVariables,
} from './setting-names';
import { chooseMachines, persistentData, warmMinutes } from './machine-settings';

/** A family (`m6i`) or a type (`m6i.2xlarge`). Graviton names have a `g` after the generation and are excluded. */
const instanceType = form(
  /^(?!a1\b)[a-z]+\d+(?!g)[a-z]*(-[a-z0-9]+)?(\.[a-z0-9-]+)?$/,
  'an x86 instance family or type, such as m6i or m6i.2xlarge',
);

const instanceTypeOrGroup = form(
  /^(default_x86_64|(?!a1\b)[a-z]+\d+(?!g)[a-z]*(-[a-z0-9]+)?(\.[a-z0-9-]+)?)$/,
  'an x86 instance family or type, such as m6i or m6i.2xlarge, or default_x86_64',
);

const instanceTypes = z.array(instanceType).min(1).max(50);

const vcpus = (least: number): z.ZodInt => z.int().min(least).max(10_000);
const sliceVcpus = z.int().min(1).max(192);
const memoryMib = z.int().min(512).max(1_572_864);
const minutes = z.int().min(1).max(20_160);

const LOG_DAYS = Object.values(RetentionDays).filter(
  (days): days is RetentionDays => typeof days === 'number' && days !== RetentionDays.INFINITE,
);

/** A scene names only the series of its Blender, so the farm cannot choose between two versions of a series. */
function areOfDifferentSeries(versions: readonly string[]): boolean {
  return new Set(versions.map((version) => version.split('.', 2).join('.'))).size === versions.length;
}

/**
 * Every setting of a deployment with its default and description: `context.spotreel` in cdk.json, overridden by
 * `SPOTREEL_<SETTING>` in the environment. `npm run docs` writes the table in docs/settings.md from it.
 */
export const settingsSchema = z.strictObject({
  farmName: form(/^[a-z][a-z0-9-]{0,29}$/, 'at most 30 of a-z, 0-9 and -, starting with a letter')
    .default('main')
    .describe(
      'name of the farm; part of the names of its stacks and of its SSM parameter `/spotreel/<name>`',
    ),
  vpcId: form(/^vpc-([0-9a-f]{8}|[0-9a-f]{17})$/, 'the id of a VPC, such as vpc-0123456789abcdef0')
    .optional()
    .describe('existing VPC for the machines; needs `subnetIds`. By default, the farm creates a VPC'),
  subnetIds: z
    .array(
      form(/^subnet-([0-9a-f]{8}|[0-9a-f]{17})$/, 'the id of a subnet, such as subnet-0123456789abcdef0'),
    )
    .min(1)
    .max(16)
    .optional()
    .describe(
      'subnets of `vpcId`, public or private, in which machines reach AWS: by the internet, by `vpcEndpoints` or by `proxy`',
    ),
  zones: z
    .int()
    .min(2)
    .max(3)
    .default(2)
    .describe(
      'availability zones of the farm’s own VPC; 3 zones, if the region has them, have more Spot machines',
    ),
  spotVcpus: vcpus(1)
    .default(USUAL_FARM.spotVcpus)
    .describe('maximum vCPUs of Spot machines at a time; the Spot quota of the account may be lower'),
  instanceTypes: z
    .array(instanceTypeOrGroup)
    .min(1)
    .max(50)
    .default([...USUAL_FARM.instanceTypes])
    .describe(
      'instance families or types of the machines; more of them mean fewer interruptions. For `default_x86_64`, AWS Batch chooses families of the region',
    ),
  maxMachineVcpus: z
    .int()
    .min(2)
    .max(384)
    .optional()
    .describe(
      'vCPUs of the largest machine, also with GPUs. By default, a machine may have all sizes of its family, up to 192 vCPUs and more',
    ),
  checkInstanceTypes: z
    .boolean()
    .default(true)
    .describe(
      'whether synth refuses families that the region lacks, by a built-in table; set it to false if AWS offers them now',
    ),
  onDemandVcpus: vcpus(0)
    .default(0)
    .describe(
      'maximum vCPUs of On-Demand machines, at full price, in their own queue; 0: none. They render frames that Spot machines did not finish, and `retry --on-demand`',
    ),
  gpuVcpus: vcpus(0)
    .default(0)
    .describe('maximum vCPUs of Spot machines with NVIDIA GPUs, in their own queue; 0: none'),
  gpuInstanceTypes: instanceTypes
    .default([...USUAL_FARM.gpuInstanceTypes])
    .describe('instance families or types of machines with NVIDIA GPUs'),
  warmMinutes,
  diskGib: z
    .int()
    .min(30)
    .max(16_384)
    .default(100)
    .describe(
      'disk of a machine in GiB, for the system, the image, and the scenes and frames of all its slices',
    ),
  imageUri: z
    .string()
    .min(1)
    .max(512)
    .meta({ rule: 'the name of an image, at most 512 characters' })
    .optional()
    .describe(
      'existing container image; with `{version}` in it, one for each of `blenderVersions`. By default, `cdk deploy` builds images from `container/`',
    ),
  blenderVersions: z
    .array(form(/^\d+\.\d+\.\d+$/, 'a full version of Blender, such as 5.2.3'))
    .min(1)
    .max(5)
    .refine(areOfDifferentSeries, 'must be of different series: remove one of 5.2.3 and 5.2.4')
    .transform((versions) => versions.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })))
    .default(['5.2.3'])
    .describe(
      'Blender versions of the farm, each in its own image. A scene renders with the oldest version that is not older than the scene',
    ),
  renderVcpus: sliceVcpus.default(USUAL_FARM.renderVcpus).describe('vCPUs of a slice'),
  renderMemoryMib: memoryMib
    .default(USUAL_FARM.renderMemoryMib)
    .describe('memory of a slice in MiB: slightly more than the scene needs'),
  stitchVcpus: sliceVcpus
    .default(USUAL_FARM.stitchVcpus)
    .describe('vCPUs of the stitch job, which makes the video'),
  stitchMemoryMib: memoryMib
    .default(USUAL_FARM.stitchMemoryMib)
    .describe('memory of the stitch job in MiB; it opens scenes with sound in Blender'),
  attempts: z
    .int()
    .min(1)
    .max(10)
    .default(5)
    .describe('maximum attempts of a slice whose machines are reclaimed'),
  renderTimeoutMinutes: minutes
    .default(720)
    .describe('maximum minutes of one attempt of a slice; limits what a stuck slice costs'),
  hangMinutes: minutes
    .default(60)
    .describe('minutes without output or a new frame after which the worker kills Blender'),
  logMiB: z
    .int()
    .min(1)
    .max(10_240)
    .default(64)
    .describe('maximum log of one attempt in MiB; the worker drops further lines of Blender and ffmpeg'),
  stitchTimeoutMinutes: minutes.default(120).describe('maximum minutes of one attempt of the stitch job'),
  email: z
    .email()
    .meta({ rule: 'an email address' })
    .optional()
    .describe('address that receives mails about finished and failed renders and about alarms'),
  allowScripts: z
    .boolean()
    .default(false)
    .describe(
      'whether renders may run the scripts of their scenes (`allow-scripts`), in the sandbox. Everybody who can upload can then run code on the farm',
    ),
  persistentData,
  ocio: z
    .string()
    .max(4096)
    .regex(/\.ocioz?$/i)
    .meta({ rule: 'the path of a .ocio or .ocioz file' })
    .optional()
    .describe(
      'OpenColorIO configuration of all renders. `cdk deploy` builds the file and the colour files that it names into the images. The option `ocio` of a render overrides it',
    ),
  renderDays: z
    .int()
    .min(0)
    .max(36_500)
    .default(0)
    .describe('days after which the bucket deletes a render and its video; 0: never'),
  logDays: z
    .literal(LOG_DAYS)
    .default(RetentionDays.ONE_MONTH)
    .describe('days after which CloudWatch deletes logs'),
  versioned: z
    .boolean()
    .default(false)
    .describe('whether the bucket keeps overwritten and deleted objects for 30 days'),
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
      'monthly budget in US dollars; needs `email`. AWS sends a mail at 80 % and 100 %, and stops nothing; 0: none',
    ),
  interruptionExperiment: z
    .boolean()
    .default(false)
    .describe(
      'whether to deploy an AWS FIS experiment; when you start it, it reclaims up to 5 Spot machines of the farm',
    ),
  ...accountSettings,
});

export type Settings = Readonly<z.infer<typeof settingsSchema>>;

/** The jobs and machines of a farm, from which its costs are computed. */
export function machinesOf(settings: Settings): Machines {
  const { renderVcpus, stitchVcpus, renderMemoryMib, stitchMemoryMib } = settings;
  const { instanceTypes: types, gpuVcpus, gpuInstanceTypes } = settings;
  return {
    renderVcpus,
    stitchVcpus,
    renderMemoryMib,
    stitchMemoryMib,
    instanceTypes: [...types],
    ...(gpuVcpus > 0 && { gpuInstanceTypes: [...gpuInstanceTypes] }),
  };
}

type SettingName = keyof Settings;

/** A setting as docs and messages describe it. */
export interface SettingDescription extends SettingSource {
  readonly name: SettingName;
  /** Type and limits; completes "must be …". */
  readonly allowed: string;
  /** The default in cdk.json; `undefined` if the setting has none. */
  readonly defaultValue: unknown;
  readonly description: string;
}

/** `spotVcpus` → `SPOTREEL_SPOT_VCPUS`, `logMiB` → `SPOTREEL_LOG_MIB`. */
export function settingVariable(name: string): string {
  return `SPOTREEL_${name.replace(/[A-Z](?=[a-z])/g, (letter) => `_${letter}`).toUpperCase()}`;
}

const NAMES = settingsSchema.keyof().options;

/** Every setting, in the order of the schema. */
export const SETTINGS: readonly SettingDescription[] = describeSettings();

function describeSettings(): SettingDescription[] {
  const { properties = {} } = z.toJSONSchema(settingsSchema, { io: 'input' });
  return NAMES.map((name) => {
    const property = properties[name];
    if (typeof property !== 'object') throw new Error(`the setting ${name} has no schema`);
    const { type, description = '' } = property;
    return {
      name,
      variable: settingVariable(name),
      type: SETTING_TYPES.find((one) => one === type) ?? 'number',
      allowed: allowedBy(property),
      defaultValue: settingsSchema.shape[name].safeParse(undefined).data,
      description,
    };
  });
}

function allowedBy(property: z.core.JSONSchema.BaseSchema): string {
  const range = (from = 0, to = 0) => `${from.toLocaleString('en')} to ${to.toLocaleString('en')}`;
  if (property.enum) return `one of ${property.enum.join(', ')}`;
  if (property.type === 'integer') return `an integer from ${range(property.minimum, property.maximum)}`;
  if (property.type === 'number') return `a number from ${range(property.minimum, property.maximum)}`;
  if (property.type === 'boolean') return 'true or false';
  if (property.type !== 'array') return String(property.rule);
  const { items } = property;
  const rule = typeof items === 'object' && 'rule' in items ? String(items.rule) : '';
  return `a list of ${range(property.minItems, property.maxItems)}, each ${rule}`;
}

/** Settings of a deployment are wrong. The message names each setting, its value and what is allowed. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';

  constructor(
    readonly problems: readonly string[],
    { place } = CDK_JSON,
  ) {
    const head = `wrong settings; change them ${place}:`;
    super([head, ...problems.map((problem) => `  ${problem}`)].join('\n'));
  }
}

/**
 * Settings from `context` (`context.spotreel` in cdk.json, or the JSON text that `-c spotreel=…` gives), overridden by
 * `environment`. Throws `SettingsError`, also if a variable begins with `SPOTREEL_` and is unknown.
 */
export function readSettings(
  context: unknown,
  environment: Readonly<Record<string, string | undefined>>,
): Settings {
  const fromContext = z.record(z.string(), z.unknown()).safeParse(contextObject(context));
  if (!fromContext.success) {
    throw new SettingsError([
      `context.spotreel is ${JSON.stringify(context)}: must be an object, or a text with the JSON of one`,
    ]);
  }
  return checkSettings({ ...fromContext.data, ...settingsFrom(SETTINGS, environment) }, environment);
}

/** `given` with defaults. `hasVpc`: `given` lacks an existing VPC that is used. Throws `SettingsError`. */
export function checkSettings(
  given: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string | undefined>>,
  origin: SettingsOrigin = CDK_JSON,
  hasVpc = false,
): Settings {
  const result = settingsSchema.safeParse(given);
  const problems = [
    ...unknownVariables(SETTINGS, environment),
    ...(result.success
      ? checkTogether(result.data, origin, hasVpc)
      : describe(result.error, given, environment)),
  ];
  if (!result.success || problems.length > 0) throw new SettingsError(problems, origin);
  // The CDK sets this variable for the app, from the credentials.
  const machines = chooseMachines(result.data, result.data.region ?? environment.CDK_DEFAULT_REGION, origin);
  if (machines.problems.length > 0) throw new SettingsError(machines.problems, origin);
  return machines.settings;
}

/** Problems of settings that depend on each other. */
function checkTogether(settings: Settings, origin: SettingsOrigin, hasVpc: boolean): string[] {
  const problems: string[] = [];
  const { spotVcpus, renderVcpus } = settings;
  if ((settings.vpcId === undefined) !== (settings.subnetIds === undefined)) {
    problems.push('vpcId and subnetIds need each other: set both, or remove both and the farm creates a VPC');
  }
  problems.push(...accountProblems(settings, origin, hasVpc || settings.vpcId !== undefined));
  if (settings.monthlyBudgetUsd > 0 && settings.email === undefined) {
    problems.push(
      `monthlyBudgetUsd is ${settings.monthlyBudgetUsd}, but email is missing: AWS sends the budget mails there; set email`,
    );
  }
  if (settings.ocio !== undefined && settings.imageUri !== undefined) {
    problems.push(
      'ocio and imageUri exclude each other: cdk deploy adds ocio only to images that it builds; remove one of them',
    );
  }
  for (const name of ['renderVcpus', 'stitchVcpus'] as const) {
    if (settings[name] > spotVcpus) {
      problems.push(
        `${name} is ${settings[name]}, more than spotVcpus (${spotVcpus}): such a job would never start; lower ${name} or raise spotVcpus`,
      );
    }
  }
  for (const name of ['gpuVcpus', 'onDemandVcpus'] as const) {
    if (settings[name] > 0 && settings[name] < renderVcpus) {
      problems.push(
        `${name} is ${settings[name]}, less than renderVcpus (${renderVcpus}): no slice would start; raise ${name}, or set it to 0`,
      );
    }
  }
  return problems;
}

function describe(
  error: z.ZodError,
  given: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  const problems = error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => `${key} is not a setting; ${nearestName(key, NAMES)}`);
    }
    const name = String(issue.path[0]);
    const { variable, allowed } = SETTINGS.find((setting) => setting.name === name)!;
    const place = environment[variable] === undefined ? name : `${variable} (${name})`;
    const rule = issue.code === 'custom' ? issue.message : `must be ${allowed}`;
    return [`${place} is ${JSON.stringify(given[name])}: ${rule}`];
  });
  // Several items of a list can break the same rule.
  return [...new Set(problems)];
}
