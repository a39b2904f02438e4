import type { FarmDescription } from '../../core/jobs/farm';
import type { Answer } from './check';

/** A job queue, as AWS Batch tells of it. */
export interface QueueFacts {
  readonly name: string;
  readonly state: string;
  readonly status: string;
  readonly statusReason?: string | undefined;
}

/** A compute environment of one of the farm's queues. */
export interface EnvironmentFacts extends QueueFacts {
  readonly isSpot: boolean;
  readonly maxVcpus: number;
  readonly instanceTypes: readonly string[];
  /** ARN of the ECS cluster that its machines join; absent while it has none. */
  readonly cluster?: string | undefined;
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
  readonly status?: string | undefined;
  readonly image?: string | undefined;
  readonly vcpus?: number | undefined;
}

/** An image of a private ECR repository. */
export interface ImageFacts {
  readonly uri: string;
  /** Bytes, compressed; absent where it is not there. */
  readonly size?: number | undefined;
}

/** One of EC2's quotas, in vCPUs; `value` is absent where Service Quotas does not know what applies. */
export interface QuotaFacts {
  readonly code: string;
  readonly value?: number | undefined;
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
  readonly region?: string | undefined;
  /** Absent where nobody could be asked. */
  readonly farm?: Answer<FarmDescription> | { readonly code: string; readonly fault: string } | undefined;
}
