import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import type { JobDetail, JobStatus, SubmitJobRequest } from '../../core/jobs/batch';
import { type FarmDescription, farmParameterName } from '../../core/jobs/farm';
import { startHttpServer } from './http-server';
import { type S3Emulator, startS3Emulator } from './s3-emulator';
import { worker } from './spotreel';

/** A farm to which the command line can submit. */
export interface PlayedFarm {
  readonly aws: S3Emulator;
  /** The environment in which programs find it. */
  readonly environment: NodeJS.ProcessEnv;
  /** The text of an object. */
  get(key: string): Promise<string>;
  /** Jobs that were submitted, in their order. */
  readonly jobs: ReadonlyArray<Readonly<SubmitJobRequest>>;
  stop(): Promise<void>;
}

interface PlayedJob {
  readonly request: SubmitJobRequest;
  readonly jobId: string;
  readonly createdAt: number;
  status: JobStatus;
}

const REGION = 'us-east-1';

/**
 * A farm in a bucket of moto, and a fake of AWS Batch before real workers. It runs each submitted job at once on this machine,
 * with its children side by side. `programs` is the environment that names other programs for the workers.
 */
export async function startPlayedFarm(
  more: Partial<FarmDescription> = {},
  programs: NodeJS.ProcessEnv = {},
): Promise<PlayedFarm> {
  const aws = await startS3Emulator();
  const jobs: PlayedJob[] = [];
  const running: Array<Promise<unknown>> = [];
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const keys = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
  const common = { ...keys, AWS_ENDPOINT_URL: aws.endpoint, AWS_REGION: REGION };
  const run = async (job: PlayedJob): Promise<void> => {
    const command = job.request.containerOverrides!.command!;
    const { arrayProperties } = job.request;
    job.status = 'RUNNING';
    const ends = await Promise.all(
      Array.from({ length: arrayProperties?.size ?? 1 }, (_, index) => {
        const child = arrayProperties && { AWS_BATCH_JOB_ARRAY_INDEX: String(index) };
        return worker(command, {
          environment: { ...common, ...programs, AWS_BATCH_JOB_ATTEMPT: '1', ...child },
        });
      }),
    );
    job.status = ends.every(({ exitCode }) => exitCode === 0) ? 'SUCCEEDED' : 'FAILED';
  };
  const submitJob = (request: SubmitJobRequest) => {
    const job: PlayedJob = { request, jobId: randomUUID(), createdAt: Date.now(), status: 'PENDING' };
    const before = [...running];
    jobs.push(job);
    running.push(Promise.all(request.dependsOn ? before : []).then(() => run(job)));
    return { jobId: job.jobId, jobName: request.jobName };
  };
  const answerTo = (path: string | undefined, body: string): unknown => {
    if (path === '/v1/submitjob') {
      const request: SubmitJobRequest = JSON.parse(body);
      return submitJob(request);
    }
    if (path === '/v1/describejobs') {
      const { jobs: ids }: { jobs: string[] } = JSON.parse(body);
      return { jobs: jobs.filter(({ jobId }) => ids.includes(jobId)).map(detailOf) };
    }
    return path === '/v1/listjobs' ? { jobSummaryList: [] } : undefined;
  };
  const batch = await startHttpServer((incoming, response) => {
    void bodyOf(incoming).then((body) => {
      const answer = answerTo(incoming.url, body);
      response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer ?? {}));
    });
  });
  const farm: FarmDescription = {
    version: 1,
    name: 'main',
    region: REGION,
    bucket: aws.bucket,
    uploadPrefix: 'uploads/',
    outputPrefix: 'renders/',
    capPrefix: 'caps/',
    jobQueue: 'queue',
    renderDefinitions: [{ jobDefinition: 'render' }],
    stitchJobDefinition: 'stitch',
    parallel: 4,
    machines: { renderVcpus: 2, stitchVcpus: 2, instanceTypes: ['m6i'] },
    logGroup: 'spotreel',
    topicArn: 'arn:aws:sns:us-east-1:123456789012:spotreel',
    ...more,
  };
  const parameter = { Name: farmParameterName('main'), Value: JSON.stringify(farm), Type: 'String' } as const;
  const ssm = new SSMClient({ endpoint: aws.endpoint, region: REGION, credentials });
  await ssm.send(new PutParameterCommand(parameter));
  ssm.destroy();
  return {
    aws,
    environment: {
      ...common,
      AWS_ENDPOINT_URL_BATCH: batch.endpoint,
      // moto's prices are near zero: without an answer the price table is used.
      AWS_ENDPOINT_URL_EC2: 'http://127.0.0.1:9',
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    },
    get: async (key) => {
      const { Body } = await aws.client.send(new GetObjectCommand({ Bucket: aws.bucket, Key: key }));
      return Body!.transformToString();
    },
    get jobs() {
      return jobs.map(({ request }) => request);
    },
    stop: async () => {
      await Promise.allSettled(running);
      await batch.stop();
      await aws.stop();
    },
  };
}

function detailOf({ request, ...job }: PlayedJob): JobDetail {
  const { jobName, jobQueue, jobDefinition, arrayProperties } = request;
  const counts = arrayProperties && { statusSummary: { [job.status]: arrayProperties.size } };
  const named = { jobName, jobQueue, jobDefinition };
  return { ...named, ...job, ...(arrayProperties && { arrayProperties: { ...arrayProperties, ...counts } }) };
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of incoming) body += String(chunk);
  return body;
}
