import { CreateBucketCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { startPythonServer } from './server-process';

/**
 * moto's own command, but with one request at a time. moto checks a key and writes it in two steps, so several
 * conditional writes at once could succeed, while S3 lets only one succeed. moto has no setting for it. It parses the
 * time stamp of each listed object again, which takes a third of a listing; here it keeps what it parsed.
 */
const MOTO_SERVER = `
import functools, sys, threading, botocore.utils, moto.server
parse = '_parse_timestamp_with_tzinfo'
setattr(botocore.utils, parse, functools.lru_cache(10000)(getattr(botocore.utils, parse)))
run, lock = moto.server.run_simple, threading.Lock()
def run_in_turn(host, port, app, **options):
    def in_turn(environ, start_response):
        with lock:
            return list(app(environ, start_response))
    run(host, port, in_turn, **options)
moto.server.run_simple = run_in_turn
moto.server.main(sys.argv[1:])
`;

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
  const server = await startPythonServer((port) => ({
    args: ['-c', MOTO_SERVER, '-H', '127.0.0.1', '-p', String(port)],
  }));
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
