import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '../support/source-files';
import { farmApp } from './synth-farm';
import { fewOrAll } from '../support/heavy';

jest.setTimeout(900_000);

const ACCOUNT = '111122223333';
const VPC = {
  vpcId: 'vpc-0123456789abcdef0',
  subnetIds: ['subnet-0123456789abcde0a', 'subnet-0123456789abcde0b'],
};
const KEY = (region: string) => `arn:aws:kms:${region}:${ACCOUNT}:key/01234567-89ab-cdef-0123-456789abcdef`;

/** Settings of farms for twelve kinds of accounts. */
const ACCOUNTS: ReadonlyArray<[account: string, settings: Readonly<Record<string, unknown>>]> = [
  ['with nothing special', {}],
  ['in a region with few instance families', { account: ACCOUNT, region: 'eu-south-2' }],
  ['with its own bucket and key', { bucketName: 'acme-films', kmsKeyArn: KEY('eu-central-1') }],
  ['whose data needs its own key', { kmsKeyArn: KEY('us-east-1'), versioned: true, renderDays: 30 }],
  ['without a route to the internet', { vpcEndpoints: true, zones: 3, vpcCidr: '192.168.8.0/24' }],
  [
    'with private subnets and security groups',
    {
      ...VPC,
      securityGroupIds: ['sg-0123456789abcdef0'],
      vpcEndpoints: true,
      routeTableIds: ['rtb-0123456789abcdef0'],
    },
  ],
  ['behind a proxy', { ...VPC, proxy: 'http://proxy.example.com:3128', noProxy: ['.example.com'] }],
  ['with a second farm', { farmName: 'second' }],
  ['in a second region', { account: ACCOUNT, region: 'us-west-2' }],
  ['in GovCloud', { account: ACCOUNT, region: 'us-gov-west-1', gpuVcpus: 16, onDemandVcpus: 16 }],
  [
    'with required tags and a permissions boundary',
    { tags: { 'cost-center': 'films' }, permissionsBoundary: 'Edge' },
  ],
  [
    'with every option on',
    {
      onDemandVcpus: 16,
      gpuVcpus: 16,
      warmMinutes: 20,
      blenderVersions: ['4.5.0', '5.2.0'],
      email: 'me@example.com',
      webhookUrl: 'https://example.com/renders',
      monthlyBudgetUsd: 50,
      interruptionExperiment: true,
      allowScripts: true,
    },
  ],
];

/** All types of resources, in one region: cfn-lint takes long for each. */
const USUAL = ['with nothing special', 'with every option on'];
const TRIED = fewOrAll('accounts', ACCOUNTS, ([account]) => USUAL.includes(account));

interface Synthesized {
  readonly account: string;
  readonly region: string;
  readonly templates: readonly string[];
}

function synthesize(account: string, settings: Readonly<Record<string, unknown>>): Synthesized {
  const { app } = farmApp(settings);
  const { stacks } = app.synth();
  const region = typeof settings.region === 'string' ? settings.region : 'us-east-1';
  return { account, region, templates: stacks.map(({ templateFullPath }) => templateFullPath) };
}

/** The findings of cfn-lint in these templates, one a line. It also checks that the region has each type of resource. */
async function lint(region: string, templates: readonly string[]): Promise<string[]> {
  const args = ['--format', 'parseable', '--regions', region, '-t', ...templates];
  const cfnLint = promisify(execFile)(join(ROOT, '.venv/bin/cfn-lint'), args);
  // It waits for more templates there.
  cfnLint.child.stdin?.end();
  const { stdout, stderr } = await cfnLint.catch((error: { stdout: string; stderr: string }) => error);
  return [...stdout.split('\n'), ...stderr.split('\n')].filter((line) => line !== '');
}

let synthesized: readonly Synthesized[];
let findings: readonly string[];
beforeAll(async () => {
  synthesized = TRIED.map(([account, settings]) => synthesize(account, settings));
  const regions = [...new Set(synthesized.map(({ region }) => region))];
  const found = await Promise.all(
    regions.map((region) => {
      const ofRegion = synthesized.filter((one) => one.region === region);
      return lint(
        region,
        ofRegion.flatMap(({ templates }) => templates),
      );
    }),
  );
  findings = found.flat();
});

test.each(TRIED)('cfn-lint finds no fault in a farm for an account %s', (account) => {
  const { templates } = synthesized.find((one) => one.account === account)!;
  expect(templates.length).toBeGreaterThan(0);
  expect(findings.filter((line) => templates.some((template) => line.includes(template)))).toEqual([]);
});

test('each finding of cfn-lint belongs to an account', () => {
  expect(findings).toEqual([]);
});
