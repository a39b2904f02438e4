import { z } from 'zod';
import { onlyProperties, synthFarm } from './synth-farm';

/** The largest farm that the settings allow. */
const { farmTemplate } = synthFarm({
  farmName: 'a'.repeat(30),
  blenderVersions: ['3.6.23', '4.2.18', '4.5.10', '5.1.12', '5.2.10'],
  gpuVcpus: 1000,
  onDemandVcpus: 1000,
  // The settings allow 50. Each is of another family.
  instanceTypes: manyTypes('m'),
  gpuInstanceTypes: manyTypes('g'),
});

function manyTypes(letter: string): string[] {
  return Array.from({ length: 50 }, (_, i) => `${letter}${i + 10}i.24xlarge`);
}

const PARTITION_TO_ACCOUNT = 'aws-us-gov:batch:us-gov-west-1:123456789012';

/** The maximum length of a reference by the documentation, by the start of its logical id or attribute. */
const LONGEST: ReadonlyArray<readonly [start: string, length: number]> = [
  ['AWS::Region', 'ap-southeast-1'.length],
  // An ARN with a name of 128 characters and a revision.
  ['Jobs', `arn:${PARTITION_TO_ACCOUNT}:job-definition/`.length + 128 + ':99999'.length],
  ['Compute', `arn:${PARTITION_TO_ACCOUNT}:job-queue/`.length + 128],
  ['Notices', 'arn:aws-us-gov:sns:us-gov-west-1:123456789012:'.length + 256],
  ['UploadQueue', 'https://sqs.us-gov-west-1.amazonaws.com/123456789012/'.length + 80],
  // The name of a bucket.
  ['FilmBucket', 63],
];

const value = z.union([
  z.string().transform((text) => text.length),
  z.object({ Ref: z.string() }).transform(({ Ref }) => lengthOf(Ref)),
  z.object({ 'Fn::GetAtt': z.array(z.string()) }).transform(({ 'Fn::GetAtt': [id] }) => lengthOf(id!)),
  z
    .object({ 'Fn::ImportValue': z.string() })
    .transform(({ 'Fn::ImportValue': name }) => lengthOf(name.replace(/^.*:ExportsOutputRef/, ''))),
  z
    .object({ 'Fn::Join': z.tuple([z.literal(''), z.array(z.unknown())]) })
    .transform(({ 'Fn::Join': [, parts] }): number =>
      parts.reduce<number>((sum, one) => sum + longest(one), 0),
    ),
]);

function longest(text: unknown): number {
  return value.parse(text);
}

/** CloudFormation makes the names of log groups and job definitions. */
function lengthOf(id: string): number {
  const found = LONGEST.find(([start]) => id.startsWith(start));
  if (!found) throw new Error(`the maximum length of ${id} is unknown`);
  return found[1];
}

/** https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html and https://docs.aws.amazon.com/general/latest/gr/ssm.html */
const LIMIT_BYTES = 4096;

test.each(['UploadSubmit', 'FinishF'])('the environment of %s fits with five Blenders and GPUs', (id) => {
  const { Variables } = onlyProperties(farmTemplate, 'AWS::Lambda::Function', id).Environment;
  const entries = Object.entries<unknown>(Variables);
  const bytes = entries.reduce((sum, [name, text]) => sum + name.length + longest(text), 0);
  expect(JSON.stringify(Variables)).toContain('5.1.12');
  expect(bytes).toBeGreaterThan(1_500);
  expect(bytes).toBeLessThan(LIMIT_BYTES);
});

test('the description of the largest farm fits into a parameter of 8 KB', () => {
  const { Value, Tier } = onlyProperties(farmTemplate, 'AWS::SSM::Parameter');
  expect(longest(Value)).toBeGreaterThan(4_000);
  expect(longest(Value)).toBeLessThan(2 * LIMIT_BYTES);
  expect(Tier).toBe('Intelligent-Tiering');
});

test('the description of a farm with one Blender and 50 instance types fits into 4 KB', () => {
  const { farmTemplate: usual } = synthFarm({ gpuVcpus: 1000, instanceTypes: manyTypes('m') });
  const bytes = longest(onlyProperties(usual, 'AWS::SSM::Parameter').Value);
  expect(bytes).toBeGreaterThan(2_000);
  expect(bytes).toBeLessThan(LIMIT_BYTES);
});
