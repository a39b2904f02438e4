import { SpotreelError } from '../../../core/errors';
import type { RenderStatus } from '../../../core/render/records';
import { Render } from '../../../core/render/render';
import { consoleUrl, type Notification, reportStatus, weigh } from '../../../lambda/report-status';
import { MemoryStorage } from '../../support/memory-storage';

describe('console url', () => {
  test.each([
    ['eu-central-1', 'https://eu-central-1.console.aws.amazon.com/'],
    ['us-gov-west-1', 'https://us-gov-west-1.console.amazonaws-us-gov.com/'],
    ['cn-north-1', 'https://cn-north-1.console.amazonaws.cn/'],
  ])('the console link of a folder in S3 fits the partition of %s', (region, host) => {
    expect(consoleUrl(new URL('s3://films/renders/shot-1/'), region)).toBe(
      `${host}s3/buckets/films?region=${region}&prefix=renders%2Fshot-1%2F`,
    );
  });

  test('a local folder has no console link', () => {
    expect(consoleUrl(new URL('file:///renders/shot-1/'), 'eu-central-1')).toBeUndefined();
  });
});

describe('report status', () => {
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

  describe('weigh decides for a new status:', () => {
    test.each<[string, RenderStatus, RenderStatus, ReturnType<typeof weigh>]>([
      ['the same end twice', complete, complete, 'same'],
      ['the same failure twice', renderFailed, renderFailed, 'same'],
      ['the stitch job failed after the render job', renderFailed, stitchFailed, 'keep'],
      ['the render job failed, reported after the stitch job', stitchFailed, renderFailed, 'amend'],
      ['a failure of a pair that is complete', complete, renderFailed, 'keep'],
      ['complete after all', renderFailed, complete, 'replace'],
      ['a newer pair failed', complete, { ...renderFailed, ...newer, endedJob: 'r2' }, 'replace'],
      ['a newer pair is complete', renderFailed, { ...complete, ...newer, endedJob: 's2' }, 'replace'],
      ['a rescue begins', { ...renderFailed, jobs: { render: 'r0', stitch: 's0' } }, rescuing, 'replace'],
      ['a rescue begins, reported twice', rescuing, rescuing, 'same'],
      ['a rescue is complete', rescuing, complete, 'replace'],
      ['a rescue failed', rescuing, renderFailed, 'replace'],
      ['a rescue begins, reported after it is complete', complete, rescuing, 'keep'],
      ['a rescue begins, reported after its failure', renderFailed, rescuing, 'keep'],
      ['a refusal and then a render', refused, complete, 'replace'],
      ['a refusal twice', refused, refused, 'same'],
      ['another refusal', refused, { ...refused, reason: 'no camera' }, 'replace'],
      ['a refusal after a complete render', complete, refused, 'announce'],
      [
        'the same job submitted by hand, without jobs.json',
        { ...complete, jobs: undefined },
        { ...complete, jobs: undefined },
        'same',
      ],
      [
        'another job submitted by hand',
        { ...complete, jobs: undefined },
        { ...renderFailed, jobs: undefined, endedJob: 'r9' },
        'replace',
      ],
    ])('%s', (_, before, next, verdict) => expect(weigh(before, next)).toBe(verdict));
  });

  function setUp() {
    const storage = new MemoryStorage();
    const told: Notification[] = [];
    const render = Render.in(folder, storage);
    const services = {
      notify: async (notification: Notification) => void told.push(notification),
      now: () => new Date(1000),
    };
    const read = () => render.status.require();
    return { storage, render, told, services, read };
  }

  test('reportStatus notifies people once and records this in the status', async () => {
    const { render, told, services, read } = setUp();
    expect(await reportStatus(complete, render, services)).toBe('reported');
    expect(await reportStatus(complete, render, services)).toBe('kept');
    expect(await read()).toEqual({ ...complete, notifiedAt: '1970-01-01T00:00:01.000Z' });
    expect(told).toEqual([
      { subject: 'Render shot is complete', message: expect.stringContaining('Folder: memory://') },
    ]);
  });

  test('reportStatus names each fault of a refused scene once', async () => {
    const { render, told, services } = setUp();
    const findings = ['no scene', 'no camera'].map((message) => ({
      code: 'scene-missing',
      severity: 'error' as const,
      message,
    }));
    await reportStatus({ ...refused, findings }, render, services);
    expect(told[0]?.message).toContain('Reason: no scene\n- no camera\nFolder:');
  });

  test('reportStatus sends no second message for a better reason', async () => {
    const { render, told, services, read } = setUp();
    await reportStatus(stitchFailed, render, services);
    await reportStatus(renderFailed, render, services);
    expect(told).toHaveLength(1);
    expect(await read()).toMatchObject({ reason: 'a frame failed', notifiedAt: expect.any(String) });
  });

  test('reportStatus sends a failed message again at the next report', async () => {
    const { render, told, services, read } = setUp();
    const notify = async () => {
      throw new SpotreelError('unavailable', 'passing', 'no SNS');
    };
    await expect(reportStatus(complete, render, { ...services, notify })).rejects.toThrow('no SNS');
    expect(await read()).not.toHaveProperty('notifiedAt');
    await reportStatus(complete, render, services);
    expect(told).toHaveLength(1);
    expect(await read()).toHaveProperty('notifiedAt');
  });

  test('reportStatus keeps the better of two concurrent statuses', async () => {
    for (const pair of [
      [stitchFailed, renderFailed],
      [renderFailed, stitchFailed],
    ]) {
      const { render, services, read } = setUp();
      await Promise.all(pair.map((next) => reportStatus(next, render, services)));
      expect(await read()).toMatchObject({ endedJob: 'r1' });
    }
  });

  test('reportStatus replaces an unreadable status', async () => {
    const { storage, render, services, read } = setUp();
    await storage.put(statusUrl, '{"version":0}');
    await reportStatus(complete, render, services);
    expect(await read()).toMatchObject({ state: 'complete' });
  });
});
