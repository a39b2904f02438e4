import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bundleBytes, bundleLambda, bundleText, writeBundle } from '../test/support/lambda-bundle';
import { SUBMIT_ENVIRONMENT } from '../test/support/submit-environment';
import { spread } from './measure';
import { uploadCost } from './upload-cost';
import { ROOT } from './ways';

const PAIRS = 101;

/** Ten frames, and a film of over an hour. */
const FILMS = [10, 100_000];

/** The clients and calls of the submit Lambda, without Spotreel's code. */
const CLIENTS = `
import { BatchClient, DescribeJobsCommand, paginateListJobs, SubmitJobCommand, TerminateJobCommand } from '@aws-sdk/client-batch';
import { AbortMultipartUploadCommand, DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, paginateListObjectsV2, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { ChangeMessageVisibilityCommand, SQSClient } from '@aws-sdk/client-sqs';
export const clients = [new BatchClient({}), new S3Client({}), new SNSClient({}), new SQSClient({})];
export const calls = [DescribeJobsCommand, paginateListJobs, SubmitJobCommand, TerminateJobCommand,
  AbortMultipartUploadCommand, DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, paginateListObjectsV2,
  PutObjectCommand, PublishCommand, ChangeMessageVisibilityCommand];
`;

const ENVIRONMENT = {
  ...SUBMIT_ENVIRONMENT,
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
};

/** The submit Lambda: its size, how long it takes to load beside the SDK's clients alone, what an upload asks of AWS. */
export async function benchSubmit(_runs: number, say: (text: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'spotreel-bench-'));
  try {
    const [handler, clients] = await Promise.all([bundleLambda('submit-render'), bundleText(CLIENTS)]);
    const handlerFile = await writeBundle(handler, join(folder, 'handler'));
    const clientsFile = await writeBundle(clients, join(folder, 'clients'));
    const [own, alone]: [number[], number[]] = [[], []];
    for (let pair = 0; pair < PAIRS; pair += 1) {
      own.push(await loadSeconds(handlerFile));
      alone.push(await loadSeconds(clientsFile));
    }
    const costs = [];
    for (const frames of FILMS) costs.push(await uploadCost(frames, folder));
    await say(`## The submit Lambda

| | | Wanted |
| --- | --- | --- |
| the minified bundle with the SDK's clients, all files | ${kilobytes(bundleBytes(handler))} kB | < 1000 |
| its files that a cold start loads | ${kilobytes(bundleBytes(handler, handler.atOnce))} kB | |
| the same of the SDK's clients alone, bundled alike | ${kilobytes(bundleBytes(clients, clients.atOnce))} kB | |
| loading it, cold | ${spread(own.map(milliseconds), 0)} ms | |
| loading the SDK's clients alone | ${spread(alone.map(milliseconds), 0)} ms | |
| ratio of the two, pair by pair | ${spread(own.map((seconds, pair) => seconds / alone[pair]!))} | ≤ 1.15 |

Medians (lowest to highest) of ${PAIRS} pairs, each in a new Node.

| One upload of ${kilobytes((await readFile(join(ROOT, 'examples/clock.blend'))).byteLength)} kB | ${costs.map(({ frames }) => `${frames} frames`).join(' | ')} | Wanted |
| --- | ${costs.map(() => '---').join(' | ')} | --- |
| calls of S3 | ${costs.map(({ s3Calls }) => s3Calls).join(' | ')} | the same |
| calls of AWS Batch | ${costs.map(({ batchCalls }) => batchCalls).join(' | ')} | the same |
| bytes read from S3 | ${costs.map(({ bytesRead }) => bytesRead).join(' | ')} | the same |

S3 calls are counted where the SDK sends them, AWS Batch calls at Spotreel's interface, where each call is one request.`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Seconds that a new Node takes to load a file, its own start left out. */
async function loadSeconds(file: string): Promise<number> {
  const script = `const t = process.hrtime.bigint(); require(${JSON.stringify(file)}); process.stdout.write(String(process.hrtime.bigint() - t))`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], {
    env: { ...process.env, ...ENVIRONMENT },
  });
  return Number(stdout) / 1e9;
}

const milliseconds = (seconds: number): number => seconds * 1000;
const kilobytes = (bytes: number): string => (bytes / 1000).toFixed(0);
