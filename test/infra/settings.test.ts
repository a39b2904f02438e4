import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSettings, SETTINGS, SettingsError } from '../../lib/settings/settings';
import { settingsInterface, withSettingsTable } from '../../lib/settings/settings-table';
import { OTHER_VARIABLES } from '../../lib/settings/setting-names';
import { ROOT, sourceFiles } from '../support/source-files';
import { farmApp } from './synth-farm';

test('readSettings needs no setting', () => {
  const defaults = SETTINGS.filter(({ defaultValue }) => defaultValue !== undefined);
  expect(readSettings(undefined, {})).toEqual(
    Object.fromEntries(defaults.map(({ name, defaultValue }) => [name, defaultValue])),
  );
});

test('environment variables override cdk.json with its types', () => {
  const settings = readSettings(
    { spotVcpus: 16, farmName: 'context', instanceTypes: ['m6i'] },
    {
      SPOTREEL_SPOT_VCPUS: '512',
      SPOTREEL_FARM_NAME: 'studio',
      SPOTREEL_INSTANCE_TYPES: 'c7i, m7i.4xlarge',
      SPOTREEL_VERSIONED: 'true',
      SPOTREEL_LOG_MIB: '8',
      SPOTREEL_DELETE_BUCKET: 'false',
      // A variable of the worker, not a setting.
      SPOTREEL_BLENDER: '/opt/blender/blender',
    },
  );
  expect(settings).toMatchObject({
    spotVcpus: 512,
    farmName: 'studio',
    instanceTypes: ['c7i', 'm7i.4xlarge'],
    versioned: true,
    deleteBucket: false,
  });
});

/** Parts of the message: name, value and what is allowed. */
const WRONG: ReadonlyArray<[given: Record<string, unknown>, message: string[]]> = [
  [{ spotVcpus: 0 }, ['spotVcpus is 0: must be an integer from 1 to 10,000']],
  [{ spotVcpus: '256' }, ['spotVcpus is "256": must be an integer']],
  [{ spotVCPUs: 256 }, ['spotVCPUs is not a setting', 'spotVcpus']],
  [{ farmName: 'My Farm' }, ['farmName is "My Farm": must be at most 30 of a-z, 0-9 and -']],
  [{ attempts: 11 }, ['attempts is 11: must be an integer from 1 to 10']],
  [{ vpcId: 'vpc-1', subnetIds: ['subnet-0123abcd'] }, ['vpcId is "vpc-1"', 'vpc-0123456789abcdef0']],
  [{ warmMinutes: 5 }, ['warmMinutes is 5: must be 0, or 20 or more']],
  [{ warmMinutes: 10_081 }, ['warmMinutes is 10081: must be an integer from 0 to 10,080']],
  [{ zones: 4 }, ['zones is 4: must be an integer from 2 to 3']],
  [{ logDays: 31 }, ['logDays is 31: must be one of 1, 3', '30, 60']],
  [{ logDays: 'INFINITE' }, ['logDays is "INFINITE": must be one of']],
  [{ instanceTypes: ['m6g'] }, ['instanceTypes is ["m6g"]', 'each an x86']],
  [{ instanceTypes: ['a1'] }, ['x86']],
  [{ gpuInstanceTypes: ['g5g.xlarge'] }, ['x86']],
  [{ instanceTypes: [] }, ['instanceTypes is []: must be a list of 1 to 50']],
  [{ blenderVersions: ['5.2'] }, ['blenderVersions is ["5.2"]', '5.2.3']],
  [{ blenderVersions: [] }, ['blenderVersions is []: must be a list of 1 to 5']],
  [{ blenderVersions: ['5.2.0', '5.2.1'] }, ['["5.2.0","5.2.1"]', 'different series']],
  [
    { blenderVersions: ['3.6.0', '4.2.0', '4.5.0', '5.0.0', '5.1.0', '5.2.0'] },
    ['blenderVersions is', 'a list of 1 to 5'],
  ],
  [{ email: 'me' }, ['email is "me": must be an email address']],
  [{ versioned: 'yes' }, ['versioned is "yes": must be true or false']],
  [{ monthlyBudgetUsd: -1 }, ['monthlyBudgetUsd is -1: must be a number from 0 to 1,000,000']],
  [{ vpcId: 'vpc-0123abcd' }, ['vpcId and subnetIds need each other: set both']],
  [{ subnetIds: ['subnet-0123abcd'] }, ['vpcId and subnetIds need each other: set both']],
  [{ monthlyBudgetUsd: 20 }, ['monthlyBudgetUsd is 20, but email is missing', 'set email']],
  [{ renderVcpus: 64, spotVcpus: 32 }, ['renderVcpus is 64', 'spotVcpus (32)', 'lower renderVcpus or raise']],
  [{ gpuVcpus: 2 }, ['gpuVcpus is 2', 'renderVcpus (4)', 'raise gpuVcpus']],
  [{ onDemandVcpus: 3 }, ['onDemandVcpus is 3', 'renderVcpus (4)', 'raise onDemandVcpus']],
];

test.each(WRONG)('readSettings refuses %j and says what is allowed', (given, message) => {
  expect(() => readSettings(given, {})).toThrow(SettingsError);
  for (const part of message) expect(() => readSettings(given, {})).toThrow(part);
});

test('a SettingsError says where to change settings', () => {
  expect(() => readSettings({ zones: 4 }, {})).toThrow(
    /^wrong settings; change them in cdk\.json \(context\.spotreel\) or in the environment:\n {2}zones is 4/,
  );
});

test('readSettings refuses a context that is not an object', () => {
  expect(() => readSettings(['zones'], {})).toThrow('context.spotreel is ["zones"]: must be an object');
  expect(() => readSettings('{zones: 3}', {})).toThrow('context.spotreel is "{zones: 3}": must be an object');
});

test('readSettings reads the JSON that cdk -c spotreel=… gives as a text', () => {
  expect(readSettings('{"zones":3}', {}).zones).toBe(3);
});

test.each([
  [{ zoness: 3 }, 'zoness is not a setting; the nearest name is zones'],
  [{ 'spot-vcpus': 3 }, 'the nearest name is spotVcpus'],
  [{ rendermemory: 3 }, 'the nearest name is renderMemoryMib'],
  [{ qqqq: 3 }, 'qqqq is not a setting; docs/settings.md lists all settings'],
])('readSettings refuses the unknown key in %j', (given, message) => {
  expect(() => readSettings(given, {})).toThrow(message);
});

test('readSettings refuses an unknown SPOTREEL_ variable and names the nearest', () => {
  expect(() => readSettings({}, { SPOTREEL_SPOT_VCPU: '8' })).toThrow(
    'SPOTREEL_SPOT_VCPU is not a variable of Spotreel; the nearest name is SPOTREEL_SPOT_VCPUS',
  );
});

test('readSettings accepts each variable that the code uses', () => {
  const files = sourceFiles(
    ['bin', 'cli', 'container', 'core', 'lambda', 'lib', 'scripts', 'test', 'bench'],
    ['.ts', '.mjs', '.js', '.py', '.pl', '.sh', 'Dockerfile'],
  ).filter(({ path }) => path !== 'test/infra/settings.test.ts');
  const used = new Set(files.flatMap(({ text }) => text.match(/SPOTREEL_[A-Z_]*[A-Z]\b/g) ?? []));
  // An id inside Blender, not a variable.
  const known = ['SPOTREEL_NOTHING', ...OTHER_VARIABLES, ...SETTINGS.map(({ variable }) => variable)];
  expect([...used].filter((name) => !known.includes(name))).toEqual([]);
});

test('the app refuses a setting beside context.spotreel', () => {
  expect(() => farmApp({}, { spotVcpus: '8', 'spotreel:zones': '3' })).toThrow(
    /the context key spotVcpus sets nothing;.*\n.*the context key spotreel:zones sets nothing/,
  );
});

test('readSettings names a wrong environment variable', () => {
  expect(() => readSettings({}, { SPOTREEL_SPOT_VCPUS: 'many' })).toThrow(
    'SPOTREEL_SPOT_VCPUS (spotVcpus) is "many"',
  );
  expect(() => readSettings({}, { SPOTREEL_VERSIONED: 'yes' })).toThrow(
    'SPOTREEL_VERSIONED (versioned) is "yes"',
  );
});

test('readSettings reports all errors at once', () => {
  expect(() => readSettings({ attempts: 0, zones: 1 }, {})).toThrow(/zones is 1.*\n.*attempts is 0/);
});

test('readSettings accepts x86 instance types and families but not Graviton', () => {
  const takes = (name: string) => {
    try {
      readSettings({ instanceTypes: [name] }, {});
      return true;
    } catch {
      return false;
    }
  };
  const x86 = [
    'm6i',
    'm7i-flex',
    'c7a.48xlarge',
    'r6id',
    'm6in.xlarge',
    'x2iedn',
    'u7i-12tb',
    'g4dn',
    'i3.metal',
  ];
  expect(x86.filter((name) => !takes(name))).toEqual([]);
  expect(
    ['m6g', 'm8g.large', 'c7gn', 'r6gd.xlarge', 't4g', 'a1.large', 'x2gd', 'im4gn'].filter(takes),
  ).toEqual([]);
});

test('readSettings sorts Blender versions by number, not by text', () => {
  const given = { SPOTREEL_BLENDER_VERSIONS: '5.2.0, 4.10.1,4.5.3' };
  expect(readSettings({}, given).blenderVersions).toEqual(['4.5.3', '4.10.1', '5.2.0']);
});

test('each setting has a description', () => {
  expect(SETTINGS.filter(({ description }) => description === '')).toEqual([]);
});

test('docs/settings.md is current; "npm run docs" writes it again', () => {
  const page = readFileSync(join(ROOT, 'docs/settings.md'), 'utf8');
  expect(page).toBe(withSettingsTable(page));
});

test('lib/settings/farm-settings.ts is current; "npm run docs" writes it again', () => {
  expect(readFileSync(join(ROOT, 'lib/settings/farm-settings.ts'), 'utf8')).toBe(settingsInterface());
});

test('withSettingsTable keeps the text outside its marks', () => {
  const page = withSettingsTable('before\n<!-- settings -->\nold\n<!-- /settings -->\nafter\n');
  expect(page).toMatch(/^before\n<!-- settings -->\n\n\| Setting [^]*\|\n\n<!-- \/settings -->\nafter\n$/);
});

test('withSettingsTable refuses a page without marks', () => {
  expect(() => withSettingsTable('no marks')).toThrow('<!-- settings -->');
});

/** A page whose tables have no padding, as the formatter adds it. */
function unpadded(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8').replace(/ +\|/g, ' |').replace(/\| +/g, '| ');
}

/** A setting's name and default, as the first two cells of a row in the README. */
function firstCells({ name, defaultValue }: (typeof SETTINGS)[number]): string {
  const shown = defaultValue === undefined ? '' : `\`${JSON.stringify(defaultValue)}\``;
  return `| \`${name}\` | ${shown} |`.replace(/ +\|/g, ' |');
}

test('the README shows six settings with their defaults', () => {
  const [, section = ''] = unpadded('README.md').split('## Settings');
  const shown = SETTINGS.filter(({ name }) => section.split('\n## ')[0]!.includes(`| \`${name}\` |`));
  expect(shown).toHaveLength(6);
  expect(shown.filter((setting) => !section.includes(firstCells(setting)))).toEqual([]);
});
