import {
  ListJobsCommand,
  RegisterJobDefinitionCommand,
  SubmitJobCommand,
  TerminateJobCommand,
  UpdateComputeEnvironmentCommand,
} from '@aws-sdk/client-batch';
import { FARM_TAG } from '../../core/render/options';
import type { Deed } from './deed';
import type { DeployedFarm } from './deployed-farm';

/** A job with the tag of a farm: of the deployed one, or of another one of the account. */
const submission = (
  to: { readonly jobQueue: string; readonly jobDefinition: string },
  farmName = 'main',
): SubmitJobCommand => new SubmitJobCommand({ jobName: 'deed', tags: { [FARM_TAG]: farmName }, ...to });

const stitching = ({ description: { jobQueue, stitchJobDefinition } }: DeployedFarm) => ({
  jobQueue,
  jobDefinition: stitchJobDefinition,
});

/** The id of a job that the farm's owner submits with such a tag, or without one. */
async function jobOf(farm: DeployedFarm, farmName?: string): Promise<string> {
  const command =
    farmName === undefined
      ? new SubmitJobCommand({ jobName: 'deed', ...stitching(farm) })
      : submission(stitching(farm), farmName);
  return (await farm.batch.send(command)).jobId!;
}

/** An attempt to terminate such a job. */
const terminating =
  (farmName?: string): Deed['attempt'] =>
  async ({ batch }, farm) =>
    batch.send(new TerminateJobCommand({ jobId: await jobOf(farm, farmName), reason: 'deed' }));

/** Deeds with AWS Batch. */
export const BATCH_DEEDS: readonly Deed[] = [
  {
    what: 'submit a job of the farm that renders',
    by: ['submit', 'finish', 'submitter'],
    attempt: ({ batch }, { description: { jobQueue, renderDefinitions } }) =>
      batch.send(submission({ jobQueue, jobDefinition: renderDefinitions.at(-1)!.jobDefinition })),
  },
  {
    what: 'submit a job that makes a video',
    by: ['submit', 'finish', 'submitter'],
    attempt: ({ batch }, { description: { jobQueue, stitchJobDefinition } }) =>
      batch.send(submission({ jobQueue, jobDefinition: stitchJobDefinition })),
  },
  {
    what: 'submit a job of the farm for its GPUs',
    by: ['submit', 'finish', 'submitter'],
    attempt: ({ batch }, { description: { gpu, renderDefinitions } }) =>
      batch.send(
        submission({ jobQueue: gpu!.jobQueue, jobDefinition: renderDefinitions[0]!.gpuJobDefinition! }),
      ),
  },
  {
    what: 'submit to another queue',
    by: [],
    attempt: ({ batch }, { description: { renderDefinitions } }) =>
      batch.send(submission({ jobQueue: 'another', jobDefinition: renderDefinitions[0]!.jobDefinition })),
  },
  {
    what: 'submit with another definition',
    by: [],
    attempt: ({ batch }, { description: { jobQueue } }) =>
      batch.send(submission({ jobQueue, jobDefinition: 'another' })),
  },
  {
    what: 'list jobs',
    by: ['submit', 'finish', 'submitter', 'viewer'],
    attempt: ({ batch }, { description: { jobQueue } }) => batch.send(new ListJobsCommand({ jobQueue })),
  },
  {
    what: 'submit a job with the tag of another farm',
    by: [],
    attempt: ({ batch }, farm) => batch.send(submission(stitching(farm), 'other')),
  },
  {
    what: 'terminate a job of the farm',
    by: ['submit', 'finish', 'watch', 'submitter'],
    attempt: terminating('main'),
  },
  { what: 'terminate a job of another farm', by: [], attempt: terminating('other') },
  { what: 'terminate a job of no farm', by: [], attempt: terminating() },
  {
    what: 'define a job',
    by: [],
    attempt: ({ batch }) =>
      batch.send(new RegisterJobDefinitionCommand({ jobDefinitionName: 'deed', type: 'container' })),
  },
  {
    what: 'change a compute environment',
    by: [],
    attempt: ({ batch }) =>
      batch.send(new UpdateComputeEnvironmentCommand({ computeEnvironment: 'any', state: 'DISABLED' })),
  },
];
