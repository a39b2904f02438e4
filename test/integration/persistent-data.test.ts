import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { blender } from '../support/blender';
import { type FakeBehaviour, installFakeBlender } from '../support/fake-blender';
import { frameFiles, sliceReports } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { spotreel, worker } from '../support/spotreel';

jest.setTimeout(120_000);

const at = useScratchFolder();
const FRAMES = 72;
const ARGS = () => {
  const scene = join(ROOT, 'examples/clock.blend');
  return ['render', '-i', scene, '-o', at('out'), '-f', String(FRAMES), '-t', String(FRAMES)];
};

/** Frames 1 to 3 by a fake Blender that keeps data from frame 2 on. */
const KEEPS = { 1: { freshSeconds: 1 }, 2: { freshSeconds: 1 }, 3: { kept: true } };

/** Renders the example by a fake Blender. Gives the slice's first attempt, and the frames that Blender was asked for. */
async function renderByFake(behaviour: Partial<FakeBehaviour>, variables: NodeJS.ProcessEnv = {}) {
  mkdirSync(at('tmp'), { recursive: true });
  const log = at('log');
  const fake = installFakeBlender(at('blender'), { width: 640, height: 360, log, ...behaviour });
  const { exitCode, stdout } = await worker(ARGS(), {
    environment: { ...fake, TMPDIR: at('tmp'), ...variables },
  });
  expect(exitCode).toBe(0);
  expect(frameFiles(at('out'))).toHaveLength(FRAMES);
  const asked: Array<{ what: string; frame: number; fresh?: true }> = readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const data = sliceReports(at('out'))[0]!.attempts[0]!.persistentData;
  return { asked: asked.filter(({ what }) => what === 'started'), data, stdout };
}

test('the Blender after one that ran out of memory keeps no data between frames', async () => {
  const { asked, data } = await renderByFake({ data: KEEPS, faults: { 4: 'memory' }, onceIn: at() });
  expect(asked.filter(({ fresh }) => !fresh).map(({ frame }) => frame)).toEqual([1, 2, 3, 4]);
  expect(asked.filter(({ fresh }) => fresh)).toHaveLength(FRAMES - 3);
  expect(data).toMatchObject({ reason: 'memory' });
});

test('data that are kept without a check are reported as given up after a lack of memory', async () => {
  const faults = { faults: { 4: 'memory' }, onceIn: at() } as const;
  const { data } = await renderByFake(faults, { SPOTREEL_PERSISTENT_DATA: 'on' });
  expect(data).toEqual({ reason: 'memory', savedSeconds: 0 });
});

test('a Blender that nearly fills its memory at the first frame is asked for frames from nothing', async () => {
  const { asked } = await renderByFake({}, { SPOTREEL_MEMORY_MIB: '20' });
  expect(asked.filter(({ fresh }) => !fresh).map(({ frame }) => frame)).toEqual([1]);
});

test('a Blender that nearly fills its part of the machine is asked for frames from nothing', async () => {
  const { asked } = await renderByFake({}, { SPOTREEL_PARALLEL: '1000000' });
  expect(asked.filter(({ fresh }) => !fresh).map(({ frame }) => frame)).toEqual([1]);
});

test('a slice report has the frame at which kept data changed pixels', async () => {
  const found = { reason: 'difference', difference: 0.25, freshSeconds: 0 };
  const { data, stdout } = await renderByFake({ data: { 1: { freshSeconds: 1 }, 2: found } });
  expect(data).toMatchObject({ reason: 'difference', frame: 2, difference: 0.25 });
  expect(stdout).toContain('from frame 2 on: frame 2 differed by up to 0.25, where 1 is white');
});

test('a hostile report of kept data costs no frame', async () => {
  const hostile = { 1: { freshSeconds: 1e300 }, 2: { reason: 'x'.repeat(9999) }, 3: { difference: -1 } };
  const { data } = await renderByFake({ data: hostile });
  expect(data).toBeUndefined();
});

test('render starts one Blender if kept data saved most of the time in an earlier render', async () => {
  const fake = installFakeBlender(at('blender'), { width: 640, height: 360 });
  const render = async (frames: string) => {
    const args = [join(ROOT, 'examples/clock.blend'), '--frames', frames, '--video', 'none', '-o', at('out')];
    const { exitCode, stdout } = await spotreel(['render', ...args, '--json'], { environment: fake });
    expect(exitCode).toBe(0);
    const { folder }: { folder: string } = JSON.parse(stdout);
    return folder;
  };
  const earlier = await render('1-8');
  expect(sliceReports(earlier)).toHaveLength(2);
  for (const report of sliceReports(earlier)) {
    const [attempt] = report.attempts;
    const frames = attempt!.frames.map((one, i) => ({ ...one, seconds: [4, 4.3, 0.3, 0.3][i] }));
    const known = { ...attempt, frames, persistentData: { savedSeconds: 3 } };
    const path = join(earlier, 'slices', `${report.slice}.json`);
    writeFileSync(path, JSON.stringify({ ...report, attempts: [known] }));
  }
  expect(sliceReports(await render('9-20'))).toHaveLength(1);
});

interface Case {
  /** Reports of frames 1 to 4. */
  readonly reports: ReadonlyArray<{
    reason?: string;
    difference?: number;
    kept?: true;
    freshSeconds?: number;
    error?: string;
  }>;
  /** How the fake drew: with data of an earlier frame, or from nothing. */
  readonly drawn: ReadonlyArray<'fresh' | 'kept'>;
  /** The greys of the delivered frames, where 0 is black. */
  readonly greys: readonly number[];
  /** Whether Blender keeps data after the last frame. */
  readonly property: boolean;
}

describe('persistent_data.py in Blender, with fake drawing', () => {
  let cases: Readonly<Record<string, Case>>;

  beforeAll(async () => {
    const script = join(ROOT, 'test/fixtures/persistent-data/cases.py');
    mkdirSync(at('cases'), { recursive: true });
    const scripts = join(ROOT, 'container/worker/blender');
    const run = [
      '--factory-startup',
      '--python-exit-code',
      '1',
      '--python',
      script,
      '--',
      scripts,
      at('cases'),
    ];
    const output = await blender(run, { PYTHONDONTWRITEBYTECODE: '1' });
    cases = JSON.parse(/^CASES (.*)$/m.exec(output)![1]!);
  });

  const reasons = (name: string) => cases[name]!.reports.flatMap(({ reason }) => reason ?? []);

  test('auto renders the second frame both ways and keeps the data if the pixels are equal', () => {
    expect(cases.equal).toMatchObject({ drawn: ['fresh', 'kept', 'fresh', 'kept', 'kept'], property: true });
  });

  test('auto keeps no data after a frame that differs', () => {
    expect(cases.different).toMatchObject({ property: false });
    expect(cases.different!.drawn.slice(2)).toEqual(['fresh', 'fresh', 'fresh', 'fresh']);
    expect(reasons('different')).toEqual(['difference']);
  });

  test('auto reports the largest difference of a sample', () => {
    expect(cases.different!.reports[1]!.difference).toBeCloseTo(0.2, 3);
  });

  test('auto keeps the data if Blender itself varies as much', () => {
    expect(cases.varying).toMatchObject({ property: true });
    expect(reasons('varying')).toEqual([]);
  });

  test('auto keeps no data that save nothing', () => {
    expect(cases['no gain']).toMatchObject({ property: false });
    expect(reasons('no gain')).toEqual(['little-gain']);
  });

  test('auto renders three frames without kept data', () => {
    expect(cases.few!.drawn).toEqual(['fresh', 'fresh', 'fresh']);
  });

  test('auto also checks a scene that was saved with persistent data', () => {
    expect(cases['saved on']).toEqual(cases.equal);
  });

  test('auto keeps no data of a scene with several view layers', () => {
    expect(reasons('layers')).toEqual(['layers']);
  });

  test('auto keeps no data of a scene with a simulation without a bake', () => {
    expect(reasons('simulations')).toEqual(['simulations']);
  });

  test.each(['scripts', 'outputs'])('auto keeps no data because of %s', (reason) => {
    expect(cases[reason]).toMatchObject({ drawn: ['fresh', 'fresh', 'fresh', 'fresh'] });
    expect(reasons(reason)).toEqual([reason]);
  });

  test('on keeps the data of a scene with File Output nodes', () => {
    expect(cases['on with outputs']!.drawn).toEqual(['fresh', 'kept', 'kept', 'kept']);
  });

  test.each([
    ['error', 3],
    ['error with on', 1],
    ['error in the check', 1],
  ])('frames after an error of the device are not black (%s)', (name, failed) => {
    const { reports, greys } = cases[name]!;
    expect(reports[failed]).toEqual({ error: 'lost' });
    expect(new Set(greys.slice(failed + 1))).toEqual(new Set([100]));
  });

  test('the frame after an error of the device is reported as one from nothing', () => {
    expect(cases.error!.reports.slice(4)).toEqual([{ freshSeconds: 10 }, { kept: true }]);
  });

  test('auto checks again after an error in the check', () => {
    expect(cases['error in the check']!.drawn).toEqual([
      'fresh',
      'kept',
      'fresh',
      'fresh',
      'kept',
      'fresh',
      'kept',
    ]);
  });

  test('kept data are freed after an error that says that memory is full', () => {
    expect(cases['memory error']).toMatchObject({ property: false });
    expect(reasons('memory error')).toEqual(['memory']);
    expect(cases['memory error']!.drawn.slice(-2)).toEqual(['fresh', 'fresh']);
  });

  test('auto keeps no data if the file with kept data is missing', () => {
    expect(reasons('no kept file')).toEqual(['unreadable']);
  });

  test('a first frame without a file raises nothing', () => {
    expect(cases['no file']!.reports).toEqual([{}, {}, {}, {}]);
  });

  test('auto begins the check again with a frame that has other threads', () => {
    expect(cases['new threads']!.drawn).toEqual(['fresh', 'fresh', 'kept', 'fresh', 'kept']);
  });

  test('a frame with other threads after the check is reported as one from nothing', () => {
    expect(cases['new threads later']!.reports[3]).toEqual({ freshSeconds: 10 });
  });

  test.each([
    ['keeps data', 'more threads for few frames', 4, 'kept'],
    ['prepares a frame from nothing', 'more threads for many frames', 4, 'fresh'],
    ['keeps data', 'fewer threads', 4, 'kept'],
    ['prepares a frame from nothing', 'fewer threads in a long slice', 4, 'fresh'],
    ['prepares a frame from nothing', 'fewer threads before the check', 1, 'fresh'],
  ])('Blender %s when it may use %s', (_, name, drawing, expected) => {
    expect(cases[name]!.drawn[drawing]).toBe(expected);
  });

  test('on keeps the data from the first frame on without a check', () => {
    expect(cases.on!.drawn).toEqual(['fresh', 'kept', 'kept', 'kept']);
  });

  test('off keeps no data of a scene that was saved with persistent data', () => {
    expect(cases.off).toMatchObject({ drawn: ['fresh', 'fresh', 'fresh', 'fresh'], property: false });
  });

  test('kept data are freed when the worker asks for a frame from nothing', () => {
    expect(cases.memory).toMatchObject({
      drawn: ['fresh', 'kept', 'fresh', 'kept', 'fresh'],
      property: false,
    });
    expect(reasons('memory')).toEqual(['memory']);
  });

  test('another engine than Cycles keeps no data and reports nothing', () => {
    expect(cases['other engine']!.reports).toEqual([{}, {}, {}, {}]);
  });
});
