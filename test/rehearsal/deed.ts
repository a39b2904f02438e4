import { BatchClient } from '@aws-sdk/client-batch';
import { IAMClient } from '@aws-sdk/client-iam';
import { S3Client } from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { SSMClient } from '@aws-sdk/client-ssm';
import { STSClient } from '@aws-sdk/client-sts';
import type { AwsEmulator } from './aws-emulator';
import type { DeployedFarm } from './deployed-farm';

/** A role of the farm: its purpose and the beginning of its logical id. */
export const ROLES = {
  submit: 'UploadSubmitRole',
  finish: 'FinishRole',
  watch: 'CostsWatchRole',
  worker: 'JobsWorkerRole',
  execution: 'JobsExecutionRole',
  machine: 'MachineRole',
} as const;

/** A managed policy for people: its purpose and the beginning of its logical id. */
export const POLICIES = {
  submitter: 'Submitters',
  viewer: 'Viewers',
} as const;

/** A caller with the rights of a role, or of a managed policy. */
export type Role = keyof typeof ROLES | keyof typeof POLICIES;

const isRole = (name: string): name is keyof typeof ROLES => Object.hasOwn(ROLES, name);
const isPolicy = (name: string): name is keyof typeof POLICIES => Object.hasOwn(POLICIES, name);

export const POLICY_NAMES = Object.keys(POLICIES).filter(isPolicy);

export const ROLE_NAMES = Object.keys(ROLES).filter(isRole);

/** A possible call, and the roles that may make it. */
export interface Deed {
  readonly what: string;
  readonly by: readonly Role[];
  readonly attempt: (clients: Clients, farm: DeployedFarm) => Promise<unknown>;
}

export type Clients = ReturnType<typeof clientsOf>;

export function clientsOf(config: ReturnType<AwsEmulator['clientConfig']>) {
  return {
    s3: new S3Client(config),
    batch: new BatchClient(config),
    sns: new SNSClient(config),
    sqs: new SQSClient(config),
    ssm: new SSMClient(config),
    iam: new IAMClient(config),
    sts: new STSClient(config),
  };
}
