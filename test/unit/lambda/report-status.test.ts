import { parseStatus, type RenderStatus } from '../../../core/contract/status';
import { SpotreelError } from '../../../core/errors';
import { MemoryStorage } from '../../../core/storage/memory-storage';
import type { Notification } from '../../../lambda/notification';
import { reportStatus, weigh } from '../../../lambda/report-status';

const folder = new URL('memory://films/renders/shot/');
const statusUrl = new URL('status.json', folder);
const jobs = { render: 'r1', stitch: 's1' };

function status(change: Partial<RenderStatus>): RenderStatus {
  const links = { folder: 'memory://films/renders/shot/' };
  const at = new Date(0).toISOString();
  return {
    version: 1,
    renderId: 'shot',
    state: 'complete',
    at,
    jobs,
    endedJob: 's1',
    findings: [],
    links,
    ...change,
  };
}

const complete = status({});
const renderFailed = status({ state: 'failed', endedJob: 'r1', reason: 'a frame failed' });
const stitchFailed = status({ state: 'failed', endedJob: 's1', reason: 'its dependency failed' });
const refused = status({ state: 'refused', jobs: undefined, endedJob: undefined, reason: 'no scene' });
const rescuing = status({ state: 'rescuing', endedJob: 'r0', reason: 'Spot machines were taken away' });
const newer = { jobs: { render: 'r2', stitch: 's2' } };

describe('which status stands', () => {
  test.each<[string, RenderStatus, RenderStatus, ReturnType<typeof weigh>]>([
    ['the same end twice', complete, complete, 'same'],
    ['the same failure twice', renderFailed, renderFailed, 'same'],
    ['the stitch job failed because the render job had', renderFailed, stitchFailed, 'keep'],
    ['the same, the other way round', stitchFailed, renderFailed, 'amend'],
    ['a failure of a pair that is complete', complete, renderFailed, 'keep'],
    ['complete after all', renderFailed, complete, 'replace'],
    ['a newer pair failed', complete, { ...renderFailed, ...newer, endedJob: 'r2' }, 'replace'],
    ['a newer pair is complete', renderFailed, { ...complete, ...newer, endedJob: 's2' }, 'replace'],
    ['it goes on elsewhere', { ...renderFailed, jobs: { render: 'r0', stitch: 's0' } }, rescuing, 'replace'],
    ['it goes on elsewhere, told twice', rescuing, rescuing, 'same'],
    ['it has ended there', rescuing, complete, 'replace'],
    ['it has failed there', rescuing, renderFailed, 'replace'],
    ['that it goes on, told after its end', complete, rescuing, 'keep'],
    ['the same after its failure', renderFailed, rescuing, 'keep'],
    ['a refusal and then a render', refused, complete, 'replace'],
    ['a refusal twice', refused, refused, 'same'],
    ['another refusal', refused, { ...refused, reason: 'no camera' }, 'replace'],
    ['a refusal of what has been rendered', complete, refused, 'announce'],
    [
      'by hand, without jobs.json, the same job',
      { ...complete, jobs: undefined },
      { ...complete, jobs: undefined },
      'same',
    ],
    [
      'by hand, another job',
      { ...complete, jobs: undefined },
      { ...renderFailed, jobs: undefined, endedJob: 'r9' },
      'replace',
    ],
  ])('%s', (_, before, next, verdict) => expect(weigh(before, next)).toBe(verdict));
});

function setUp() {
  const storage = new MemoryStorage();
  const told: Notification[] = [];
  const services = {
    storage,
    notify: async (notification: Notification) => void told.push(notification),
    now: () => new Date(1000),
  };
  const read = async () => parseStatus(await storage.get(statusUrl), 'x');
  return { storage, told, services, read };
}

test('people are told once, and the status says so', async () => {
  const { told, services, read } = setUp();
  expect(await reportStatus(complete, folder, services)).toBe('reported');
  expect(await reportStatus(complete, folder, services)).toBe('kept');
  expect(await read()).toEqual({ ...complete, notifiedAt: '1970-01-01T00:00:01.000Z' });
  expect(told).toEqual([
    { subject: 'Render shot is complete', message: expect.stringContaining('Folder: memory://') },
  ]);
});

test('a better reason brings no second message', async () => {
  const { told, services, read } = setUp();
  await reportStatus(stitchFailed, folder, services);
  await reportStatus(renderFailed, folder, services);
  expect(told).toHaveLength(1);
  expect(await read()).toMatchObject({ reason: 'a frame failed', notifiedAt: expect.any(String) });
});

test('when the message could not be sent, it is sent the next time', async () => {
  const { told, services, read } = setUp();
  const notify = async () => {
    throw new SpotreelError('unavailable', 'passing', 'no SNS');
  };
  await expect(reportStatus(complete, folder, { ...services, notify })).rejects.toThrow('no SNS');
  expect(await read()).not.toHaveProperty('notifiedAt');
  await reportStatus(complete, folder, services);
  expect(told).toHaveLength(1);
  expect(await read()).toHaveProperty('notifiedAt');
});

test('of two that report at the same moment the better one stands', async () => {
  for (const pair of [
    [stitchFailed, renderFailed],
    [renderFailed, stitchFailed],
  ]) {
    const { services, read } = setUp();
    await Promise.all(pair.map((next) => reportStatus(next, folder, services)));
    expect(await read()).toMatchObject({ endedJob: 'r1' });
  }
});

test('what is there and no status gives way', async () => {
  const { storage, services, read } = setUp();
  await storage.put(statusUrl, '{"version":0}');
  await reportStatus(complete, folder, services);
  expect(await read()).toMatchObject({ state: 'complete' });
});
