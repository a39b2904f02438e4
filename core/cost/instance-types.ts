/** Sizes that a family may have, smallest first; bare metal is not among them, which AWS Batch takes only by name. */
const SIZES: ReadonlyArray<readonly [name: string, vcpus: number]> = [
  ['medium', 1],
  ['large', 2],
  ['xlarge', 4],
  ...[2, 3, 4, 6, 8, 9, 12, 16, 18, 24, 32, 48, 96].map((times) => [`${times}xlarge`, times * 4] as const),
];

const VCPUS = new Map(SIZES);

/** `m6i` of `m6i.2xlarge`, and of itself. */
export function familyOf(instanceType: string): string {
  return instanceType.split('.', 1)[0]!;
}

/**
 * vCPUs of an x86 machine, by the name of its size: `xlarge` has 4, `<n>xlarge` n times as many
 * (https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html); `undefined` for bare metal.
 */
export function vcpusOf(instanceType: string): number | undefined {
  return VCPUS.get(instanceType.slice(instanceType.indexOf('.') + 1));
}

/** Types that a setting may mean, which is a family or a type: of a family all that there might be with so many vCPUs. Pure. */
export function possibleTypes(setting: string, leastVcpus: number): string[] {
  if (setting.includes('.')) return [setting];
  return SIZES.filter(([, vcpus]) => vcpus >= leastVcpus).map(([size]) => `${setting}.${size}`);
}
