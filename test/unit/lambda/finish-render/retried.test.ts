import { frameUrl, jobsUrl, manifestUrl, videoUrl } from '../../../../core/contract/keys';
import type { RenderJobs } from '../../../../core/contract/jobs';
import { parseStatus, type RenderStatus } from '../../../../core/contract/status';
import { workerArgv } from '../../../../core/contract/worker-command';
import { MemoryStorage } from '../../../../core/storage/memory-storage';
import { parseJobStateChange } from '../../../../lambda/finish-render/event';
import { finishRender } from '../../../../lambda/finish-render/finish-render';
import { jobStateChange } from '../../../support/aws-events';
import { manifestFor } from '../../../support/stored-render';

const FOLDER = new URL('memory://films/renders/shot/');
const PLACE = 'memory://films/renders/shot';

/** A retry's stitch job has succeeded; 5 of 6 frames are there. */
async function stitched(partial: boolean, files: Record<string, string>): Promise<RenderStatus> {
  const storage = new MemoryStorage();
  await storage.put(manifestUrl(FOLDER), JSON.stringify(manifestFor('shot', 6)));
  const jobs: RenderJobs = {
    render: { jobId: 'r2', jobName: 'shot_Retry1_Rendering' },
    stitch: { jobId: 's2', jobName: 'shot_Retry1_Stitching' },
    retry: { number: 1, why: 'asked', slices: 1, frames: 2, ...(partial && { partial }) },
  };
  await storage.put(jobsUrl(FOLDER), JSON.stringify(jobs));
  for (let frame = 1; frame <= 5; frame += 1) await storage.put(frameUrl(FOLDER, frame), 'x');
  for (const [name, content] of Object.entries(files)) await storage.put(new URL(name, FOLDER), content);
  const command = workerArgv({ command: 'stitch', input: PLACE, output: PLACE, ...(partial && { partial }) });
  const event = jobStateChange({
    ...{ jobId: 's2', jobName: jobs.stitch.jobName, status: 'SUCCEEDED', createdAt: 1 },
    container: { command },
  });
  await finishRender(parseJobStateChange(event), {
    storage,
    notify: async () => undefined,
    output: new URL('memory://films/renders/'),
    region: 'eu-central-1',
    now: () => new Date(0),
  });
  return parseStatus(await storage.get(new URL('status.json', FOLDER)), 'the status');
}

const GAPS = JSON.stringify({
  version: 1,
  at: new Date(0).toISOString(),
  frameCount: 6,
  marked: false,
  gaps: [{ frame: 6, reason: 'out of memory', shown: 5 }],
});

test('a retry of some missing frames is reported as partial with the missing frames', async () => {
  expect(await stitched(true, { 'gaps.json': GAPS })).toMatchObject({
    state: 'partial',
    jobs: { render: 'r2', stitch: 's2' },
    retry: { number: 1, frames: 2 },
    findings: [{ code: 'frame-missing', frame: 6 }],
    links: { video: `${PLACE}/output.partial.mp4` },
  });
});

test('a retry of all missing frames is reported as complete, whatever the earlier gaps', async () => {
  const files = { 'gaps.json': GAPS, 'output.mp4': 'video' };
  expect(await stitched(false, files)).toMatchObject({
    state: 'complete',
    links: { video: videoUrl(FOLDER).href },
  });
  expect(await stitched(false, { 'gaps.json': GAPS })).toMatchObject({ state: 'failed' });
});
