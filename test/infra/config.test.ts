import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSettings, SETTINGS, SettingsError } from '../../lib/settings';
import { ROOT } from '../support/source-files';

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
      // No setting's: the worker's own.
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

/** What must be in the message: key, value, what is allowed. */
const WRONG: ReadonlyArray<[given: Record<string, unknown>, message: string[]]> = [
  [{ spotVcpus: 0 }, ['spotVcpus is 0', '>=1']],
  [{ spotVcpus: '256' }, ['spotVcpus is "256"', 'number']],
  [{ spotVCPUs: 256 }, ['spotVCPUs is no setting', 'spotVcpus']],
  [{ farmName: 'My Farm' }, ['farmName is "My Farm"', 'at most 30 of a-z, 0-9 and -']],
  [{ attempts: 11 }, ['attempts is 11', '<=10']],
  [{ vpcId: 'vpc-1', subnetIds: ['subnet-0123abcd'] }, ['vpcId is "vpc-1"', 'vpc-0123456789abcdef0']],
  [{ zones: 4 }, ['zones is 4', '<=3']],
  [{ logDays: 31 }, ['logDays is 31', '30|60']],
  [{ instanceTypes: ['m6g'] }, ['instanceTypes is ["m6g"]', 'x86']],
  [{ instanceTypes: ['a1'] }, ['x86']],
  [{ gpuInstanceTypes: ['g5g.xlarge'] }, ['x86']],
  [{ instanceTypes: [] }, ['instanceTypes is []']],
  [{ blenderVersions: ['5.2'] }, ['blenderVersions is ["5.2"]', '5.2.3']],
  [{ blenderVersions: [] }, ['blenderVersions is []', '>=1']],
  [{ blenderVersions: ['5.2.0', '5.2.1'] }, ['["5.2.0","5.2.1"]', 'different series']],
  [
    { blenderVersions: ['3.6.0', '4.2.0', '4.5.0', '5.0.0', '5.1.0', '5.2.0'] },
    ['blenderVersions is', '<=5'],
  ],
  [{ email: 'me' }, ['email is "me"', 'email']],
  [{ vpcId: 'vpc-0123abcd' }, ['vpcId and subnetIds go together']],
  [{ subnetIds: ['subnet-0123abcd'] }, ['vpcId and subnetIds go together']],
  [{ monthlyBudgetUsd: 20 }, ['monthlyBudgetUsd (20) needs email']],
  [{ renderVcpus: 64, spotVcpus: 32 }, ['renderVcpus is 64', 'spotVcpus (32)']],
  [{ gpuVcpus: 2 }, ['gpuVcpus is 2', 'renderVcpus (4)']],
  [{ onDemandVcpus: 3 }, ['onDemandVcpus is 3', 'renderVcpus (4)']],
];

test.each(WRONG)('readSettings refuses %j and says what is allowed', (given, message) => {
  expect(() => readSettings(given, {})).toThrow(SettingsError);
  for (const part of message) expect(() => readSettings(given, {})).toThrow(part);
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

/** A page whose tables have no padding, as the formatter adds it. */
function unpadded(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8').replace(/ +\|/g, ' |').replace(/\| +/g, '| ');
}

/** A setting's name and default, as the first two cells of a row. */
function firstCells({ name, defaultValue }: (typeof SETTINGS)[number]): string {
  const shown = defaultValue === undefined ? '' : `\`${JSON.stringify(defaultValue)}\``;
  return `| \`${name}\` | ${shown} |`.replace(/ +\|/g, ' |');
}

test('docs/settings.md has every setting between its marks', () => {
  const [, rest = ''] = unpadded('docs/settings.md').split('<!-- settings -->');
  const [table = ''] = rest.split('<!-- /settings -->');
  const rows = SETTINGS.map((setting) => `${firstCells(setting)} ${setting.description} |`);
  expect(SETTINGS.filter(({ description }) => description === '')).toEqual([]);
  expect(rows.filter((row) => !table.includes(row))).toEqual([]);
});

test('the README shows six settings with their defaults', () => {
  const [, section = ''] = unpadded('README.md').split('## Settings');
  const shown = SETTINGS.filter(({ name }) => section.split('\n## ')[0]!.includes(`| \`${name}\` |`));
  expect(shown).toHaveLength(6);
  expect(shown.filter((setting) => !section.includes(firstCells(setting)))).toEqual([]);
});
