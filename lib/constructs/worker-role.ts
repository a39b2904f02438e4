import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { OUTPUT_PREFIX } from '../../core/contract/keys';
import { UPLOAD_PREFIX } from '../../core/contract/upload-key';
import { grantBucketAccess } from './bucket-access';

export interface WorkerRoleProps {
  readonly bucket: IBucket;
}

/** What the worker may do: read scenes and what was rendered, write under `renders/`. */
export class WorkerRole extends Construct {
  readonly role: Role;

  constructor(scope: Construct, id: string, { bucket }: WorkerRoleProps) {
    super(scope, id);
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com'),
      description: 'Workers: scenes in, frames and videos out',
    });
    grantBucketAccess(this.role, bucket, {
      read: [UPLOAD_PREFIX, OUTPUT_PREFIX],
      write: [OUTPUT_PREFIX],
      remove: [OUTPUT_PREFIX],
      abort: [OUTPUT_PREFIX],
      list: [UPLOAD_PREFIX, OUTPUT_PREFIX],
    });
  }
}
