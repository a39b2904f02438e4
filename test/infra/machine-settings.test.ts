import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tablePrices, warmUsd } from '../../core/cost/prices';
import { readSettings, SETTINGS } from '../../lib/settings/settings';
import { ROOT } from '../support/source-files';
import { onlyProperties, synthFarm } from './synth-farm';

/** Settings of a deployment with credentials for this region. */
const inRegion = (region: string, given: Readonly<Record<string, unknown>> = {}) =>
  readSettings(given, { CDK_DEFAULT_REGION: region });

/** Regions whose offers differ much: 22 of 30 lacked a family of the earlier default list. */
const REGIONS = ['us-east-1', 'eu-central-2', 'ap-southeast-4', 'me-central-1', 'ca-west-1'];

test.each(REGIONS)('the default machines need no family that %s lacks', (region) => {
  expect(inRegion(region).instanceTypes).toEqual(['default_x86_64']);
});

test('default_x86_64 reaches the compute environment as AWS Batch expects it', () => {
  const { farmTemplate } = synthFarm();
  const { ComputeResources } = onlyProperties(farmTemplate, 'AWS::Batch::ComputeEnvironment');
  expect(ComputeResources.InstanceTypes).toEqual(['default_x86_64']);
});

test('readSettings refuses a family that the region lacks, with its name and a way out', () => {
  expect(() => inRegion('eu-west-3', { instanceTypes: ['m6i', 'm7a', 'r7a.4xlarge'] })).toThrow(
    'instanceTypes: by the built-in table, eu-west-3 does not offer m7a, r7a.4xlarge; remove that, or use default_x86_64; if AWS offers it now, set checkInstanceTypes to false',
  );
});

test('readSettings accepts a family that the region lacks if checkInstanceTypes is false', () => {
  const given = { instanceTypes: ['m7a'], checkInstanceTypes: false };
  expect(inRegion('eu-west-3', given).instanceTypes).toEqual(['m7a']);
});

test.each([
  ['an unknown region', 'us-gov-west-1', ['m7a']],
  ['a family that the table lacks', 'eu-west-3', ['m9i']],
])('readSettings does not check %s', (_, region, instanceTypes) => {
  expect(inRegion(region, { instanceTypes }).instanceTypes).toEqual(instanceTypes);
});

test('readSettings does not check families without a region', () => {
  expect(readSettings({ instanceTypes: ['m7a'] }, {}).instanceTypes).toEqual(['m7a']);
});

test.each([
  ['eu-central-1', ['g4dn', 'g5', 'g6']],
  ['eu-west-1', ['g4dn', 'g5']],
  ['ap-south-2', ['g6']],
])('a farm with GPUs in %s uses the default families that the region offers', (region, families) => {
  expect(inRegion(region, { gpuVcpus: 8 }).gpuInstanceTypes).toEqual(families);
});

test('readSettings refuses GPUs in a region without the default families', () => {
  expect(() => inRegion('ca-west-1', { gpuVcpus: 8 })).toThrow(
    'gpuInstanceTypes: ca-west-1 offers none of g4dn, g5, g6; set gpuInstanceTypes, or gpuVcpus to 0',
  );
});

test('readSettings does not check families of GPUs without a GPU queue', () => {
  expect(() => inRegion('ca-west-1')).not.toThrow();
});

describe('maxMachineVcpus', () => {
  test('replaces families by their types up to that size', () => {
    const { instanceTypes } = readSettings({ maxMachineVcpus: 16, instanceTypes: ['m6i', 'c5'] }, {});
    expect(instanceTypes).toEqual([
      ...['m6i.xlarge', 'm6i.2xlarge', 'm6i.4xlarge'],
      ...['c5.xlarge', 'c5.2xlarge', 'c5.4xlarge'],
    ]);
  });

  test('limits machines with GPUs, too', () => {
    const given = { maxMachineVcpus: 8, instanceTypes: ['m6i'], gpuVcpus: 8, gpuInstanceTypes: ['g5'] };
    expect(readSettings(given, {}).gpuInstanceTypes).toEqual(['g5.xlarge', 'g5.2xlarge']);
  });

  test('resolves default_x86_64 to families that the region offers', () => {
    const { instanceTypes } = inRegion('ap-southeast-4', { maxMachineVcpus: 4 });
    expect(instanceTypes).toEqual(['m7i.xlarge', 'r7i.xlarge', 'c7i.xlarge']);
  });

  test('needs a region or families, because the group has no sizes', () => {
    expect(() => readSettings({ maxMachineVcpus: 32 }, {})).toThrow(
      'maxMachineVcpus limits no sizes of default_x86_64: set AWS_REGION to a region of the built-in table, or list families',
    );
  });

  test.each([
    [['z1d'], 'the sizes of z1d are unknown'],
    [['m6i.8xlarge'], 'm6i.8xlarge has more than maxMachineVcpus (16) vCPUs; remove it'],
  ])('refuses %j', (instanceTypes, message) => {
    expect(() => readSettings({ maxMachineVcpus: 16, instanceTypes }, {})).toThrow(message);
  });

  test('refuses more types than the description of the farm can have', () => {
    const instanceTypes = ['m6i', 'm6a', 'm7i', 'm7a', 'r6i', 'r6a', 'r7i', 'r7a', 'c6a'];
    expect(() => readSettings({ maxMachineVcpus: 96, instanceTypes }, {})).toThrow(
      'instanceTypes: maxMachineVcpus makes 63 types of it, more than 50; list fewer families',
    );
  });

  test('refuses a size that no job fits', () => {
    expect(() => readSettings({ maxMachineVcpus: 2, instanceTypes: ['m6i'] }, {})).toThrow(
      'maxMachineVcpus is 2, but a job needs 4 vCPUs, and no machine of instanceTypes is between; raise maxMachineVcpus',
    );
  });
});

describe('jobs that fit no machine', () => {
  test.each([
    [
      { renderMemoryMib: 16_384, instanceTypes: ['m6i.xlarge'] },
      'a slice fits no machine: no machine of m6i.xlarge has 16384 MiB for a job with 4 vCPUs; the largest leaves about 16128 MiB; lower renderMemoryMib or renderVcpus, or add larger machines to instanceTypes',
    ],
    [
      { renderVcpus: 32, instanceTypes: ['m6i'], maxMachineVcpus: 16 },
      'a slice fits no machine: no machine of m6i.xlarge, m6i.2xlarge, m6i.4xlarge has 32 vCPUs; lower renderMemoryMib or renderVcpus, or raise maxMachineVcpus',
    ],
    [
      { stitchMemoryMib: 20_000, instanceTypes: ['m6i.xlarge'] },
      'the stitch job fits no machine: no machine of m6i.xlarge has 20000 MiB',
    ],
    [
      { gpuVcpus: 64, renderMemoryMib: 40_000, gpuInstanceTypes: ['g4dn.2xlarge'] },
      'a slice fits no machine with a GPU: no machine of g4dn.2xlarge has 40000 MiB',
    ],
    [{ renderMemoryMib: 1_100_000 }, 'no machine of default_x86_64 has 1100000 MiB'],
  ])('readSettings refuses %j', (given, message) => {
    expect(() => readSettings(given, {})).toThrow(message);
  });

  test('readSettings accepts machines that it does not know', () => {
    expect(() => readSettings({ renderMemoryMib: 1_100_000, instanceTypes: ['x2iedn'] }, {})).not.toThrow();
  });
});

/** US dollars for default machines that wait idle, with two digits that count. */
function usdOf(vcpus: number, minutes: number): string {
  const { spot } = tablePrices({ instanceTypes: ['default_x86_64'], vcpus: 4, gpu: false }, 'us-east-1');
  const { middle } = warmUsd(spot, vcpus, minutes);
  return middle < 1 ? middle.toFixed(2) : String(Number(middle.toPrecision(2)));
}

test('the description of warmMinutes has the price of the built-in table', () => {
  const { description } = SETTINGS.find(({ name }) => name === 'warmMinutes')!;
  expect(description).toContain(`16 vCPUs for 20 minutes about ${usdOf(16, 20)} USD`);
});

test.each([20, 60, 480])(
  'docs/costs.md has the prices of the built-in table for %d warmMinutes',
  (minutes) => {
    const row = new RegExp(`^\\| ${minutes}\\b.*$`, 'm').exec(
      readFileSync(join(ROOT, 'docs/costs.md'), 'utf8'),
    )?.[0];
    expect(row).toContain(`| ${usdOf(16, minutes)} USD `);
    expect(row).toContain(`| ${usdOf(256, minutes)} USD `);
  },
);
