import type { FarmDescription } from '../../../../core/jobs/farm';
import { findRetryTargets, type QueueFlags } from '../../../../core/jobs/retry-targets';
import type { Manifest } from '../../../../core/render/manifest';
import { makeFarmDescription } from '../../../support/farm-description';
import { manifestFor } from '../../../support/stored-render';
import { RecordingBatch } from '../../../support/recording-batch';

const FARM: FarmDescription = {
  ...makeFarmDescription(),
  parallel: 4,
  onDemand: { jobQueue: 'arn:aws:batch:eu-west-1:123456789012:job-queue/full-price', parallel: 2 },
  machines: {
    renderVcpus: 4,
    stitchVcpus: 4,
    renderMemoryMib: 14_000,
    instanceTypes: ['m6i.xlarge', 'm6i.2xlarge'],
  },
};

const find = (flags: QueueFlags, farm = FARM, manifest: Manifest = manifestFor('shot', 4)) =>
  findRetryTargets(flags, { manifest, farm, batch: new RecordingBatch(), jobs: undefined });

test('findRetryTargets refuses memory that no machine of the farm has', async () => {
  await expect(find({ memory: 40_000 })).rejects.toMatchObject({
    code: 'no-machine',
    kind: 'usage',
    message:
      'such a slice never starts in this queue: no machine of m6i.xlarge, m6i.2xlarge has 40000 MiB for a job with 4 vCPUs; the largest leaves about 32256 MiB; lower --memory, or deploy the farm with larger machines',
  });
});

test('findRetryTargets checks memory and vCPUs together', async () => {
  await expect(find({ vcpus: 8 })).resolves.toMatchObject({ jobQueue: FARM.jobQueue });
  await expect(find({ memory: 28_000, vcpus: 8 })).resolves.toMatchObject({ jobQueue: FARM.jobQueue });
  await expect(find({ vcpus: 16 })).rejects.toThrow('has 16 vCPUs; lower --vcpus');
});

test('findRetryTargets refuses more vCPUs than the queue can have', async () => {
  const large = { ...FARM, machines: { ...FARM.machines!, instanceTypes: ['m6i'] } };
  await expect(find({ vcpus: 16 }, large)).resolves.toMatchObject({ jobQueue: FARM.jobQueue });
  await expect(find({ vcpus: 20 }, large)).rejects.toThrow(
    'a slice with 20 vCPUs never starts in this queue: its machines together have fewer; lower --vcpus, or raise the setting',
  );
  await expect(find({ vcpus: 12, onDemand: true }, large)).rejects.toThrow('never starts in this queue');
});

test.each<[string, QueueFlags, FarmDescription]>([
  ['without --memory and --vcpus', {}, FARM],
  ['in a queue that is not of the farm', { memory: 900_000, queue: 'other' }, FARM],
  ['on a farm that does not describe its machines', { memory: 900_000 }, makeFarmDescription()],
])('findRetryTargets checks no size %s', async (_, flags, farm) => {
  await expect(find(flags, farm)).resolves.toMatchObject({ targets: expect.anything() });
});
