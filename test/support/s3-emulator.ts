import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';

const PYTHON = join(__dirname, '../../.venv/bin/python');

/**
 * moto's own command, but with one request at a time: moto looks whether a key is free and takes it in two steps, so
 * that of conditional writes that arrive together several win, where S3 lets one win. moto has no setting for it.
 */
const MOTO_SERVER = `
import sys, threading, moto.server
run, lock = moto.server.run_simple, threading.Lock()
def run_in_turn(host, port, app, **options):
    def in_turn(environ, start_response):
        with lock:
            return list(app(environ, start_response))
    run(host, port, in_turn, **options)
moto.server.run_simple = run_in_turn
moto.server.main(sys.argv[1:])
`;

/** Starting Python and its imports takes 2 s on an idle machine of 2 cores. */
const START_TIMEOUT_SECONDS = 60;

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

/** Starts moto from `.venv` (see scripts/requirements-test.txt) on a free port and makes one bucket. */
export async function startS3Emulator(bucket = 'spotreel-test'): Promise<S3Emulator> {
  if (!existsSync(PYTHON)) {
    throw new Error(`${PYTHON} is missing: run "npm run setup -- --tests"`);
  }
  const port = await freePort();
  const server = spawn(PYTHON, ['-c', MOTO_SERVER, '-H', '127.0.0.1', '-p', String(port)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  server.stderr.on('data', (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-4000);
  });
  // A test run that dies must leave no server behind.
  const kill = (): void => void server.kill('SIGKILL');
  process.once('exit', kill);

  const endpoint = `http://127.0.0.1:${port}`;
  const clientWith = (config: S3ClientConfig): S3Client =>
    new S3Client({
      endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      forcePathStyle: true,
      ...config,
    });
  const client = clientWith({});
  try {
    await untilItAnswers(server, endpoint);
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
  } catch (error) {
    kill();
    throw new Error(`moto did not start: ${log}`, { cause: error });
  }
  return {
    endpoint,
    bucket,
    client,
    clientWith,
    stop: async () => {
      client.destroy();
      process.off('exit', kill);
      await stopProcess(server);
    },
  };
}

async function untilItAnswers(server: ChildProcess, endpoint: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_SECONDS * 1000;
  while (server.exitCode === null && Date.now() < deadline) {
    const answer = await fetch(`${endpoint}/moto-api/data.json`).catch(() => undefined);
    if (answer?.ok) return;
    await sleep(100);
  }
  throw new Error(server.exitCode === null ? 'no answer in time' : `exit ${server.exitCode}`);
}

async function stopProcess(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exited = new Promise((done) => server.once('exit', done));
  server.kill('SIGTERM');
  await exited;
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.once('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        if (typeof address === 'object' && address) done(address.port);
        else fail(new Error('no port'));
      });
    });
  });
}
