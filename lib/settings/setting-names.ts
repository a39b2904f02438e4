/**
 * Variables that begin with `SPOTREEL_` and are not settings: those of the worker, of the command line and of the tests.
 * A contract test finds each one that the code uses and this list lacks.
 */
export const OTHER_VARIABLES: readonly string[] = [
  'SPOTREEL_ALLOW_SCRIPTS',
  'SPOTREEL_BLENDER',
  'SPOTREEL_BLENDER_VERSION',
  'SPOTREEL_CACHE',
  'SPOTREEL_FFMPEG',
  'SPOTREEL_FRAMES',
  'SPOTREEL_FRESH',
  'SPOTREEL_GOLDEN',
  'SPOTREEL_HANG_SECONDS',
  'SPOTREEL_HEAVY',
  'SPOTREEL_HOST_FOLDER',
  'SPOTREEL_KERNELS',
  'SPOTREEL_LANDLOCK_ABI',
  'SPOTREEL_LIFELINE',
  'SPOTREEL_LOG_MIB',
  'SPOTREEL_MACHINES',
  'SPOTREEL_MEMORY_MIB',
  'SPOTREEL_METADATA',
  'SPOTREEL_MOTO_FOLDER',
  'SPOTREEL_MOTO_OWNER',
  'SPOTREEL_PARALLEL',
  'SPOTREEL_PERSISTENT_DATA',
  'SPOTREEL_PROBE',
  'SPOTREEL_SANDBOX',
  'SPOTREEL_SCREENSHOTS',
  'SPOTREEL_SECONDS',
  'SPOTREEL_SPOT_NOTICE',
  'SPOTREEL_STOP_SECONDS',
  'SPOTREEL_THREADS',
];

/** How messages name what a user can change. */
export interface SettingsOrigin {
  /** Completes "change them …". */
  readonly place: string;
  /** The names that together choose an existing VPC. */
  readonly vpc: string;
  /** How to choose the region. */
  readonly region: string;
}

export const CDK_JSON: SettingsOrigin = {
  place: 'in cdk.json (context.spotreel) or in the environment',
  vpc: 'vpcId and subnetIds',
  region: 'set AWS_REGION to a region',
};

export const PROPS: SettingsOrigin = {
  place: 'in the props of SpotreelFarm',
  vpc: 'vpc, or vpcId and subnetIds',
  region: 'give the stack a region (env.region)',
};

/** The part of a message that names the known name nearest to `name`. */
export function nearestName(name: string, known: readonly string[]): string {
  const plain = plainName(name);
  const distances = known.map((one) => ({ one, distance: editDistance(plain, plainName(one)) }));
  const [best] = distances.toSorted((a, b) => a.distance - b.distance);
  if (best === undefined || best.distance > Math.max(2, plain.length / 2)) {
    return 'docs/settings.md lists all settings';
  }
  return `the nearest name is ${best.one}`;
}

/** Without capitals and separators, which people confuse most. */
function plainName(name: string): string {
  return name.replace(/[^a-z0-9]/gi, '').toLowerCase();
}

/** How many letters to insert, delete or replace to turn one text into the other (Levenshtein's distance). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let index = 0; index < from.length; index += 1) {
    const next = [index + 1];
    for (let column = 0; column < to.length; column += 1) {
      const replaced = row[column]! + (from[index] === to[column] ? 0 : 1);
      next.push(Math.min(replaced, row[column + 1]! + 1, next[column]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}

export const SETTING_TYPES = ['array', 'boolean', 'number', 'object', 'string'] as const;

/** Where the environment has a setting. */
export interface SettingSource {
  readonly name: string;
  /** Environment variable that overrides cdk.json. */
  readonly variable: string;
  readonly type: (typeof SETTING_TYPES)[number];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** `-c spotreel='{"zones":3}'` arrives as a text. */
export function contextObject(context: unknown): unknown {
  if (typeof context !== 'string') return context ?? {};
  try {
    return JSON.parse(context);
  } catch {
    return context;
  }
}

/** Problems of variables that begin with `SPOTREEL_` and that nothing reads. */
export function unknownVariables(settings: readonly SettingSource[], environment: Environment): string[] {
  const variables = settings.map(({ variable }) => variable);
  const known = new Set([...variables, ...OTHER_VARIABLES]);
  return Object.keys(environment)
    .filter((name) => name.startsWith('SPOTREEL_') && !known.has(name))
    .map((name) => `${name} is not a variable of Spotreel; ${nearestName(name, variables)}`);
}

/** The settings that the environment has, as cdk.json would contain them. */
export function settingsFrom(
  settings: readonly SettingSource[],
  environment: Environment,
): Record<string, unknown> {
  const given = settings.flatMap((setting) => {
    const value = environment[setting.variable];
    return value === undefined ? [] : [[setting.name, fromText(setting, value)] as const];
  });
  return Object.fromEntries(given);
}

/** The value of a variable as cdk.json would contain it. Items of lists and objects are separated by commas. */
function fromText({ type }: SettingSource, value: string): unknown {
  if (type === 'array') return value.split(',').map((item) => item.trim());
  if (type === 'object') return objectFrom(value);
  if (type === 'number') return /^\d+(\.\d+)?$/.test(value) ? Number(value) : value;
  if (type === 'boolean') return value === 'true' || (value === 'false' ? false : value);
  return value;
}

/** `a=1,b=2` as an object; the text itself if an item has no `=`. */
function objectFrom(text: string): unknown {
  const pairs = text.split(',').map((item) => /^\s*([^=]+)=(.*?)\s*$/.exec(item));
  if (pairs.includes(null)) return text;
  return Object.fromEntries(pairs.map((pair) => [pair![1], pair![2]]));
}
