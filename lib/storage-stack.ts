import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { UPLOAD_PREFIX } from '../core/contract/upload-key';
import { FilmBucket } from './constructs/film-bucket';
import type { Settings } from './settings-schema';

export interface StorageStackProps extends StackProps {
  readonly settings: Settings;
}

/** What survives the farm: the bucket with scenes and renders. */
export class StorageStack extends Stack {
  readonly bucket: IBucket;
  readonly uploadTo: CfnOutput;

  constructor(scope: Construct, id: string, { settings, ...props }: StorageStackProps) {
    super(scope, id, props);
    const { bucket } = new FilmBucket(this, 'Film', {
      renderDays: settings.renderDays,
      versioned: settings.versioned,
      deleteWithStack: settings.deleteBucket,
    });
    this.bucket = bucket;
    const value = `s3://${bucket.bucketName}/${UPLOAD_PREFIX}`;
    this.uploadTo = new CfnOutput(this, 'UploadTo', { value, description: 'put a .blend here' });
  }
}
