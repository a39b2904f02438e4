import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseUploadEvent } from '../../../../lambda/submit-render/submit-upload';
import { objectCreated } from '../../../support/aws-events';
import { CALL_FAULTS, FaultyProcess } from '../../../support/faulty-calls';
import { fewOrAll, runsHeavy } from '../../../support/heavy';
import { UploadWorld } from '../../../support/upload-world';

describe('event', () => {
  const created = (object: Record<string, unknown>, rest: Record<string, unknown> = {}): string => {
    const event = objectCreated({ bucket: 'films', key: 'uploads/shot.blend', etag: 'abc' });
    return JSON.stringify({
      ...event,
      detail: { ...event.detail, object: { ...event.detail.object, ...object } },
      ...rest,
    });
  };

  test('parseUploadEvent reads the documented event of S3', () => {
    expect(parseUploadEvent(created({}))).toEqual({
      bucket: 'films',
      key: 'uploads/shot.blend',
      etag: 'abc',
      size: 5,
      versionId: 'IYV3p45BT0ac8hjHg1houSdS1a.Mro8e',
      reason: 'PutObject',
    });
  });

  test.each([
    'uploads/my shot.blend',
    'uploads/a+b.blend',
    'uploads/100%25.blend',
    'uploads/Übung 映画🎬.blend',
  ])('parseUploadEvent does not decode the key %s', (key) =>
    expect(parseUploadEvent(created({ key })).key).toBe(key),
  );

  describe('parseUploadEvent accepts an event', () => {
    test.each<[string, Record<string, unknown>, Record<string, unknown>]>([
      ['without a version', { 'version-id': undefined }, {}],
      ['of an empty object', { size: 0 }, {}],
      ['with an ETag of parts', { etag: 'abc-12' }, {}],
      ['with unknown fields', { storage: 'STANDARD' }, { 'replay-name': 'x' }],
    ])('%s', (_, object, rest) => {
      expect(parseUploadEvent(created(object, rest)).key).toBe('uploads/shot.blend');
    });

    test('with quotes around the ETag', () => {
      expect(parseUploadEvent(created({ etag: '"abc"' })).etag).toBe('abc');
    });
  });

  describe('parseUploadEvent names the wrong field of', () => {
    test.each<[string, string, string]>([
      ['text that is not JSON', 'hello', 'it is not JSON'],
      ['an empty body', '', 'it is not JSON'],
      ['a list', '[]', 'value'],
      ['a notification of S3 itself', '{"Records":[{"s3":{}}]}', 'detail-type'],
      ['the test message of S3', '{"Service":"Amazon S3","Event":"s3:TestEvent"}', 'source'],
      ['an event of a deleted object', created({}, { 'detail-type': 'Object Deleted' }), 'detail-type'],
      ['an event of another service', created({}, { source: 'aws.ec2' }), 'source'],
      ['an event without a key', created({ key: undefined }), 'detail.object.key'],
      ['an event with an empty key', created({ key: '' }), 'detail.object.key'],
      ['an event without an ETag', created({ etag: undefined }), 'detail.object.etag'],
    ])('%s', (_, body, field) => {
      const read = () => parseUploadEvent(body);
      expect(read).toThrow(expect.objectContaining({ code: 'bad-event', kind: 'internal' }));
      expect(read).toThrow(field);
    });
  });
});

describe('submit scripts', () => {
  describe('an upload that asks to run its scripts', () => {
    const metadata = { 'allow-scripts': 'true', name: 'Take-2' };

    test('is refused with a message by a farm without allowScripts', async () => {
      const world = new UploadWorld();
      expect(await world.deliver(await world.upload('uploads/shot.blend', metadata))).toBe(true);
      expect(world.batch.jobs).toEqual([]);
      const status = await world.json('renders/Take-2/status.json');
      expect(status).toMatchObject({ state: 'refused' });
      expect(status.findings).toContainEqual(expect.objectContaining({ code: 'scripts-refused' }));
      expect(status.reason).toContain('this farm does not allow scripts');
      expect(world.notifications[0]?.message).toContain('allowScripts: true');
    });

    test('is rendered with its scripts by a farm with allowScripts', async () => {
      const world = new UploadWorld();
      world.allowsScripts = true;
      await world.deliver(await world.upload('uploads/shot.blend', metadata));
      expect(world.batch.jobs).toHaveLength(2);
      expect(await world.json('renders/Take-2/manifest.json')).toMatchObject({
        options: { allowScripts: true },
      });
    });
  });
});

describe('submit upload faults', () => {
  /** Not packed, so that hundreds of them are read in seconds. */
  const RAW_SCENE = readFileSync(join(__dirname, '../../../fixtures/blend/3.4-raw.blend'));

  /** A lost answer is what most often makes a second pair of jobs. */
  const FAULTS = fewOrAll('laws', CALL_FAULTS, (fault) => fault === 'answer lost');

  /** Delivers with a fault at each call in turn, until a delivery makes fewer calls than that. */
  async function atEachCall(
    upload: (world: UploadWorld) => Promise<string>,
    check: (world: UploadWorld, body: string, process: FaultyProcess) => Promise<void>,
  ): Promise<number> {
    let tried = 0;
    for (const fault of FAULTS) {
      for (let at = 1; ; at += 1) {
        const world = new UploadWorld();
        const body = await upload(world);
        const process = new FaultyProcess(at, fault);
        await check(world, body, process);
        if (process.calls < at) break;
        tried += 1;
      }
    }
    return tried;
  }

  function expectOnePair(world: UploadWorld): void {
    const [render, stitch] = world.batch.jobs;
    expect(world.jobNames()).toEqual([
      expect.stringMatching(/^shot-[0-9a-f]{8}_Rendering$/),
      expect.stringMatching(/^shot-[0-9a-f]{8}_Stitching$/),
    ]);
    expect(stitch?.request.dependsOn).toEqual([{ jobId: render?.jobId, type: 'SEQUENTIAL' }]);
    expect(world.batch.alive()).toHaveLength(2);
  }

  test('redelivery after any failed call leads to one array job and one stitch job', async () => {
    const tried = await atEachCall(
      (world) => world.upload('uploads/shot.blend', { 'frames-per-slice': '1', frames: '1-20' }),
      async (world, body, process) => {
        expect((await world.deliver(body, process)) || (await world.redeliver(body))).toBe(true);
        expectOnePair(world);
        expect(world.batch.jobs[0]?.request.arrayProperties).toEqual({ size: 20 });
        // And a duplicate that comes late changes nothing.
        expect(await world.redeliver(body)).toBe(true);
        expectOnePair(world);
      },
    );
    // head, manifest, open, reads, manifest, jobs, claim, jobs, two lists, two jobs, jobs, claim.
    expect(tried).toBeGreaterThan(FAULTS.length * 13);
  }, 120_000);

  test('redelivery beside a concurrent duplicate leads to one array job and one stitch job', async () => {
    await atEachCall(
      (world) => world.upload('uploads/shot.blend', {}, RAW_SCENE),
      async (world, body, process) => {
        const results = await Promise.all([world.deliver(body, process), world.deliver(body)]);
        expect(!results.includes(false) || (await world.redeliver(body))).toBe(true);
        expectOnePair(world);
      },
    );
  }, 120_000);

  test('a refused upload is reported with its reason, whichever call fails', async () => {
    await atEachCall(
      (world) => world.upload('uploads/shot.blend', {}, Buffer.from('no scene')),
      async (world, body, process) => {
        expect((await world.deliver(body, process)) || (await world.redeliver(body))).toBe(true);
        expect(world.batch.jobs).toEqual([]);
        expect(world.notifications.length).toBeGreaterThanOrEqual(1);
        expect(world.notifications.length).toBeLessThanOrEqual(2);
        const statuses = (await world.keys()).filter((key) => key.endsWith('status.json'));
        expect(await world.json(statuses[0]!)).toMatchObject({ state: 'refused' });
      },
    );
  });

  /** Numbers from 0 to 1, the same in each run (mulberry32). */
  function seededRandom(seed: number): () => number {
    let state = seed;
    return () => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
    };
  }

  const UPLOADS = runsHeavy('laws') ? 700 : 70;
  const DUPLICATES = (UPLOADS * 3) / 7;

  test('each of many uploads becomes one render, despite 30 % duplicates, 50 at a time', async () => {
    const random = seededRandom(2026);
    const world = new UploadWorld();
    const bodies: string[] = [];
    for (let index = 0; index < UPLOADS; index += 1) {
      bodies.push(await world.upload(`uploads/film ${index % 7}/shot+${index}.blend`, {}, RAW_SCENE));
    }
    const duplicates = Array.from(
      { length: DUPLICATES },
      () => bodies[Math.floor(random() * bodies.length)]!,
    );
    const queue = [...bodies, ...duplicates]
      .map((body) => ({ body, order: random() }))
      .toSorted((a, b) => a.order - b.order)
      .map(({ body }) => body);
    expect(queue).toHaveLength(UPLOADS + DUPLICATES);

    let redeliveries = 0;
    const pause = async (): Promise<void> => {
      for (let turns = Math.floor(random() * 4); turns > 0; turns -= 1) await nextTurn();
    };
    const worker = async (): Promise<void> => {
      for (let body = queue.shift(); body !== undefined; body = queue.shift()) {
        if (await world.deliver(body, new FaultyProcess(0, 'fails', pause))) continue;
        redeliveries += 1;
        await nextTurn();
        queue.push(body);
      }
    };
    await Promise.all(Array.from({ length: 50 }, worker));

    expect(new Set(world.jobNames()).size).toBe(2 * UPLOADS);
    expect(world.batch.jobs).toHaveLength(2 * UPLOADS);
    expect(world.notifications).toEqual([]);
    expect(redeliveries).toBeLessThan(10_000);
    for (const { request } of world.batch.jobs) {
      const [waitedFor] = request.dependsOn ?? [];
      if (!waitedFor) continue;
      const render = world.batch.find(waitedFor.jobId).request.jobName;
      expect(render).toBe(request.jobName.replace('_Stitching', '_Rendering'));
    }
  }, 120_000);
});
