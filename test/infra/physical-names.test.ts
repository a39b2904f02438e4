import type { Template } from 'aws-cdk-lib/assertions';
import { synthFarm } from './synth-farm';

/** Every optional part, so that every resource is in the templates. */
const EVERYTHING = {
  onDemandVcpus: 32,
  gpuVcpus: 64,
  email: 'ann@example.com',
  monthlyBudgetUsd: 100,
  interruptionExperiment: true,
  deleteBucket: true,
};

/** Names that mean something only inside a named resource; two farms may share them. */
const INSIDE: ReadonlySet<string> = new Set([
  // An inline policy of a role.
  'AWS::IAM::Policy PolicyName',
  // A metric in the namespace of the farm, or with a dimension of it.
  'AWS::Logs::MetricFilter MetricName',
  'AWS::CloudWatch::Alarm MetricName',
  // A disk of a machine.
  'AWS::EC2::LaunchTemplate DeviceName',
  // A service of AWS.
  'AWS::EC2::VPCEndpoint ServiceName',
  // The sender of mails.
  'AWS::SNS::Topic DisplayName',
]);

/** Types with names that AWS documents as unique in an account and region. All others must differ between regions. */
const REGIONAL = new Set([
  // https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
  'AWS::Logs::LogGroup',
  // https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutResourcePolicy.html
  'AWS::Logs::ResourcePolicy',
  // https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
  'AWS::SSM::Parameter',
]);

interface Named {
  readonly type: string;
  readonly key: string;
  readonly name: string;
}

/** The text that CloudFormation makes of a value in `region`; `undefined` if it depends on another resource. */
function resolved(value: unknown, region: string): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return undefined;
  if ('Ref' in value) return value.Ref === 'AWS::Region' ? region : undefined;
  if (!('Fn::Join' in value) || !Array.isArray(value['Fn::Join'])) return undefined;
  const [separator, parts]: unknown[] = value['Fn::Join'];
  if (!Array.isArray(parts)) return undefined;
  const texts = parts.map((part) => resolved(part, region));
  return texts.includes(undefined) ? undefined : texts.join(String(separator));
}

/** All properties `Name` of a resource and `…Name` at any depth whose text does not come from another resource. */
function namesIn(type: string, value: unknown, region: string, depth = 0): Named[] {
  if (Array.isArray(value)) return value.flatMap((item) => namesIn(type, item, region, depth + 1));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    const name =
      /[a-z]Name$/.test(key) || (depth === 0 && key === 'Name') ? resolved(inner, region) : undefined;
    return name === undefined ? namesIn(type, inner, region, depth + 1) : [{ type, key, name }];
  });
}

function physicalNames(templates: readonly Template[], region = 'eu-central-1'): Named[] {
  interface Resource {
    readonly Type: string;
    readonly Properties?: unknown;
  }
  const resources = templates.flatMap((template) => {
    const { Resources }: { Resources?: Record<string, Resource> } = template.toJSON();
    return Object.values(Resources ?? {});
  });
  return resources
    .flatMap(({ Type, Properties }) => namesIn(Type, Properties, region))
    .filter(({ type, key }) => !INSIDE.has(`${type} ${key}`));
}

const textOf = ({ type, key, name }: Named) => `${type} ${key}: ${name}`;

function both(settings: Readonly<Record<string, unknown>>): Template[] {
  const { storageTemplate, farmTemplate } = synthFarm({ ...EVERYTHING, ...settings });
  return [storageTemplate, farmTemplate];
}

const one = both({ farmName: 'one' });
const other = both({ farmName: 'other' });

describe('physical names', () => {
  test('include those of log groups, policies, parameters, dashboards and budgets', () => {
    const types = new Set(physicalNames(one).map(({ type }) => type));
    expect([...types].toSorted()).toEqual([
      'AWS::Budgets::Budget',
      'AWS::CloudWatch::Dashboard',
      'AWS::Logs::LogGroup',
      'AWS::Logs::ResourcePolicy',
      'AWS::SSM::Parameter',
    ]);
  });

  test('of two farms in one account and region are never equal', () => {
    const taken = new Set(physicalNames(one).map(textOf));
    expect(
      physicalNames(other)
        .map(textOf)
        .filter((text) => taken.has(text)),
    ).toEqual([]);
  });

  test('that are global in an account differ between two regions', () => {
    const isGlobal = ({ type }: Named) => !REGIONAL.has(type);
    const taken = new Set(physicalNames(one).filter(isGlobal).map(textOf));
    const elsewhere = physicalNames(one, 'us-east-1').filter(isGlobal).map(textOf);
    expect(elsewhere.filter((text) => taken.has(text))).toEqual([]);
  });

  test('of exports contain the name of the farm', () => {
    const exported = one.flatMap((template) => Object.values(template.findOutputs('*')));
    const names = exported.flatMap(({ Export }) => Export?.Name ?? []);
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((name: string) => !name.includes('spotreel-one-'))).toEqual([]);
  });
});
