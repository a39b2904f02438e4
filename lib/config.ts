import { z } from 'zod';
import { settingsSchema, type SettingName, type Settings } from './settings-schema';

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
