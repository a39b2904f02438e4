import type { FarmDescription } from '../../core/jobs/farm';
import type { Answer } from './check';

/** A job queue as AWS Batch describes it. */
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
  /** Minutes that an idle machine waits for the next job; absent if it does not wait. */
  readonly warmMinutes?: number;
  readonly instanceTypes: readonly string[];
  /** ARN of the ECS cluster that its machines join; absent if it has none yet. */
  readonly cluster?: string;
  /** Whether AWS Batch has a newer machine image than its machines use; absent until the first machine has started. */
  readonly hasNewerImage?: boolean;
}

/** The current machines of all compute environments of a farm. */
export interface MachineFacts {
  /** Pending and running instances. */
  readonly started: number;
  /** Instances that ECS can use. */
  readonly joined: number;
  /** Ids of instances that should have joined ECS long ago. */
  readonly lost: readonly string[];
}

/** A job definition of the farm. */
export interface DefinitionFacts {
  /** ARN. */
  readonly arn: string;
  /** Absent if AWS Batch does not know it. */
  readonly status?: string;
  readonly image?: string;
  readonly vcpus?: number;
  readonly memoryMib?: number;
  /** Present if its jobs need a GPU. */
  readonly gpu?: true;
}

/** An image of a private ECR repository. */
export interface ImageFacts {
  readonly uri: string;
  /** Bytes, compressed; absent if the image is missing. */
  readonly size?: number;
}

/** An EC2 quota in vCPUs; `value` is absent if Service Quotas does not know it. */
export interface QuotaFacts {
  readonly code: string;
  readonly value?: number;
}

/** The compute parts of a farm, as AWS describes them. */
export interface ComputeFacts {
  readonly queues: Answer<readonly QueueFacts[]>;
  readonly environments: Answer<readonly EnvironmentFacts[]>;
  readonly definitions: Answer<readonly DefinitionFacts[]>;
  /** Images of the definitions that are in ECR; others cannot be checked. */
  readonly images: ReadonlyArray<{ readonly uri: string; readonly answer: Answer<ImageFacts> }>;
  readonly quotas: ReadonlyArray<{ readonly code: string; readonly answer: Answer<QuotaFacts> }>;
  readonly machines: Answer<MachineFacts>;
}

/** All parts of a farm, as AWS describes them. */
export interface FarmFacts extends ComputeFacts {
  readonly farm: FarmDescription;
  readonly listed: Answer<unknown>;
  /** Whether objects can be written below each prefix. */
  readonly written: ReadonlyArray<{ readonly prefix: string; readonly answer: Answer<unknown> }>;
}

/** The credentials, region and farm of a user. */
export interface AccountFacts {
  /** Absent if there are no credentials. */
  readonly credentials?: Answer<{ readonly account: string; readonly arn: string }>;
  readonly region?: string;
  /** Absent if AWS could not be asked. */
  readonly farm?: Answer<FarmDescription> | { readonly code: string; readonly fault: string };
}

/** An image of a private ECR repository, and its registry. */
export interface EcrImage {
  readonly registryId: string;
  readonly region: string;
  readonly repositoryName: string;
  /** A tag or a digest. */
  readonly imageId: { readonly imageTag: string } | { readonly imageDigest: string };
}

const ECR = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\/([^:@]+)(?::([^@]+))?(?:@(.+))?$/;

/** Parses an image URI; `undefined` for other registries. Pure. */
export function parseEcrImage(uri: string): EcrImage | undefined {
  const [, registryId, region, repositoryName, imageTag = 'latest', imageDigest] = ECR.exec(uri) ?? [];
  if (registryId === undefined || region === undefined || repositoryName === undefined) return undefined;
  const imageId = imageDigest === undefined ? { imageTag } : { imageDigest };
  return { registryId, region, repositoryName, imageId };
}

/** An EC2 vCPU quota; an account has one per region. */
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

/** Families with own quotas whose names begin like those of other families. */
const OF_THEIR_OWN = /^(dl|hpc|inf|mac|trn)/;

/** The quotas that the machines of a compute environment count against; none for other families. Pure. */
export function quotasOf({ isSpot, instanceTypes }: EnvironmentFacts): Quota[] {
  const groups = instanceTypes.map(groupOf).filter((group) => group !== undefined);
  return [...new Set(groups)].map((group) => QUOTAS[group][isSpot ? 'spot' : 'onDemand']);
}

function groupOf(instanceType: string): keyof typeof QUOTAS | undefined {
  // AWS Batch itself chooses from the M, C and R families.
  if (instanceType === 'optimal' || instanceType.startsWith('default_')) return 'standard';
  if (OF_THEIR_OWN.test(instanceType)) return undefined;
  if (/^(g|vt)/.test(instanceType)) return 'g';
  if (/^p\d/.test(instanceType)) return 'p';
  return /^[acdhimrtz]/.test(instanceType) ? 'standard' : undefined;
}
