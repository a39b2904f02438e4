import type { FarmDescription } from '../../core/jobs/farm';
import type { Answer } from './check';

/** A job queue, as AWS Batch tells of it. */
export interface QueueFacts {
  readonly name: string;
  readonly state: string;
  readonly status: string;
  readonly statusReason?: string;
}

/** A compute environment of one of the farm's queues. */
export interface EnvironmentFacts extends QueueFacts {
  readonly isSpot: boolean;
  readonly maxVcpus: number;
  readonly instanceTypes: readonly string[];
  /** ARN of the ECS cluster that its machines join; absent while it has none. */
  readonly cluster?: string;
}

/** The machines that a farm has now, of all its compute environments. */
export interface MachineFacts {
  /** What EC2 has started for it, or is starting. */
  readonly started: number;
  /** Of those, what ECS can give work to. */
  readonly joined: number;
  /** Of those, what ECS still can't when it long could: it never will. Instance ids. */
  readonly lost: readonly string[];
}

/** A job definition that the farm renders or stitches by. */
export interface DefinitionFacts {
  /** ARN. */
  readonly arn: string;
  /** Absent where AWS Batch does not know it. */
  readonly status?: string;
  readonly image?: string;
  readonly vcpus?: number;
}

/** An image of a private ECR repository. */
export interface ImageFacts {
  readonly uri: string;
  /** Bytes, compressed; absent where it is not there. */
  readonly size?: number;
}

/** One of EC2's quotas, in vCPUs; `value` is absent where Service Quotas does not know what applies. */
export interface QuotaFacts {
  readonly code: string;
  readonly value?: number;
}

/** What AWS tells of what a farm renders by. */
export interface ComputeFacts {
  readonly queues: Answer<readonly QueueFacts[]>;
  readonly environments: Answer<readonly EnvironmentFacts[]>;
  readonly definitions: Answer<readonly DefinitionFacts[]>;
  /** Of the definitions' images those that lie in ECR; the others can't be looked up. */
  readonly images: ReadonlyArray<{ readonly uri: string; readonly answer: Answer<ImageFacts> }>;
  readonly quotas: ReadonlyArray<{ readonly code: string; readonly answer: Answer<QuotaFacts> }>;
  readonly machines: Answer<MachineFacts>;
}

/** What AWS tells of a farm. */
export interface FarmFacts extends ComputeFacts {
  readonly farm: FarmDescription;
  readonly listed: Answer<unknown>;
  /** Whether something could be put below each prefix. */
  readonly written: ReadonlyArray<{ readonly prefix: string; readonly answer: Answer<unknown> }>;
}

/** Who asks, and where. */
export interface AccountFacts {
  /** Absent where none were found at all. */
  readonly credentials?: Answer<{ readonly account: string; readonly arn: string }> | undefined;
  readonly region?: string;
  /** Absent where nobody could be asked. */
  readonly farm?: Answer<FarmDescription> | { readonly code: string; readonly fault: string } | undefined;
}

/** An image of a private ECR repository, and who knows it. */
export interface EcrImage {
  readonly registryId: string;
  readonly region: string;
  readonly repositoryName: string;
  /** One of both. */
  readonly imageId: { readonly imageTag: string } | { readonly imageDigest: string };
}

const ECR = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\/([^:@]+)(?::([^@]+))?(?:@(.+))?$/;

/** What an image's URI names; `undefined` where it lies in another registry. Pure. */
export function parseEcrImage(uri: string): EcrImage | undefined {
  const [, registryId, region, repositoryName, imageTag = 'latest', imageDigest] = ECR.exec(uri) ?? [];
  if (registryId === undefined || region === undefined || repositoryName === undefined) return undefined;
  const imageId = imageDigest === undefined ? { imageTag } : { imageDigest };
  return { registryId, region, repositoryName, imageId };
}

/** One of EC2's quotas of vCPUs, which an account has for each region. */
export interface Quota {
  readonly code: string;
  readonly name: string;
}

type Market = 'spot' | 'onDemand';

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-limits.html and ec2-on-demand-instances.html */
const QUOTAS: Readonly<Record<'standard' | 'g' | 'p', Readonly<Record<Market, Quota>>>> = {
  standard: {
    spot: { code: 'L-34B43A08', name: 'All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests' },
    onDemand: {
      code: 'L-1216C47A',
      name: 'Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances',
    },
  },
  g: {
    spot: { code: 'L-3819A6DF', name: 'All G and VT Spot Instance Requests' },
    onDemand: { code: 'L-DB2E81BA', name: 'Running On-Demand G and VT instances' },
  },
  p: {
    spot: { code: 'L-7212CCBC', name: 'All P Spot Instance Requests' },
    onDemand: { code: 'L-417A185B', name: 'Running On-Demand P instances' },
  },
};

/** Families whose names begin like others', but that have quotas of their own. */
const OF_THEIR_OWN = /^(dl|hpc|inf|mac|trn)/;

/** The quotas that a compute environment's machines count against; of families with others none. Pure. */
export function quotasOf({ isSpot, instanceTypes }: EnvironmentFacts): Quota[] {
  const groups = instanceTypes.map(groupOf).filter((group) => group !== undefined);
  return [...new Set(groups)].map((group) => QUOTAS[group][isSpot ? 'spot' : 'onDemand']);
}

function groupOf(instanceType: string): keyof typeof QUOTAS | undefined {
  // AWS Batch's own choice is of the M, C and R families.
  if (instanceType === 'optimal' || instanceType.startsWith('default_')) return 'standard';
  if (OF_THEIR_OWN.test(instanceType)) return undefined;
  if (/^(g|vt)/.test(instanceType)) return 'g';
  if (/^p\d/.test(instanceType)) return 'p';
  return /^[acdhimrtz]/.test(instanceType) ? 'standard' : undefined;
}
