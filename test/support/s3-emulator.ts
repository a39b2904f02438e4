import { CreateBucketCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { startMoto } from './moto';

/** A running S3 in a process of its own. */
export interface S3Emulator {
  /** `http://127.0.0.1:<port>`; for the environment variable `AWS_ENDPOINT_URL` of programs under test. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly client: S3Client;
  /** Another client of the same emulator, with settings of its own. */
  clientWith(config: S3ClientConfig): S3Client;
  stop(): Promise<void>;
}

/** Starts moto on a free port and makes one bucket. */
export async function startS3Emulator(bucket = 'spotreel-test'): Promise<S3Emulator> {
  const server = await startMoto();
  const endpoint = `http://127.0.0.1:${server.port}`;
  const clientWith = (config: S3ClientConfig): S3Client =>
    new S3Client({
      endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      forcePathStyle: true,
      ...config,
    });
  const client = clientWith({});
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  return {
    endpoint,
    bucket,
    client,
    clientWith,
    stop: async () => {
      client.destroy();
      await server.stop();
    },
  };
}
