import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { paceOnFarm } from '../../../../cli/estimate/pace';
import { divideMachine, threadsOf } from '../../../../cli/local/farm';
import { Render } from '../../../../core/render/render';
import { openStorage } from '../../../../core/storage/open-storage';
import { parseLocation } from '../../../../core/storage/storage';
import { manifestFor } from '../../../support/stored-render';

const AT = '2026-01-01T00:00:00.000Z';
const before = process.cwd();
const storage = openStorage();
let folder: string;

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'spotreel-pace-')));
  process.chdir(folder);
});
afterEach(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true });
});

/** The file on this machine, and its copy where the farm has it. */
const here = () => ({ url: join(folder, 'shot.blend'), etag: 'here', size: 1 });
const there = { url: 's3://films/uploads/shot.blend', etag: 'there', size: 1 };

async function rendered(
  where: string,
  source: ReturnType<typeof here>,
  seconds: number,
  sliceCount = 1,
): Promise<void> {
  const id = `shot-11111111${where === 'estimates' ? '-estimate' : ''}`;
  const render = Render.at(parseLocation(`${where}/`, folder), id, storage);
  await render.manifest.write(manifestFor(id, sliceCount, { source, sliceCount }));
  const frames = [{ frame: 1, seconds, storedAt: AT, bytes: 1 }];
  const attempt = { attempt: 1, startedAt: AT, kept: 0, frames, failed: [] };
  await render.slice(0).write({ version: 1, slice: 0, attempts: [attempt] });
}

function pace(renderVcpus?: number) {
  const { url, ...source } = here();
  const head = { ...source, url: parseLocation(url, folder), lastModified: new Date(0) };
  const plan = manifestFor('shot-00000000', 9, { source: there });
  const output = parseLocation('renders/', folder);
  return paceOnFarm(plan, output, { source: head, options: {} }, renderVcpus, storage);
}

test.each([1, 2])(
  'paceOnFarm converts an estimate by %i Blenders from their threads to vCPUs of a slice',
  async (blenders) => {
    await rendered('estimates', here(), 12, blenders);
    const threads = threadsOf(divideMachine(), blenders);
    expect(await pace(8)).toMatchObject({ frameSeconds: (12 * threads) / 8, from: 'estimate' });
  },
);

test('paceOnFarm assumes the default vCPUs of a slice if the farm does not say', async () => {
  await rendered('estimates', here(), 12);
  expect(await pace()).toEqual(await pace(4));
});

test('paceOnFarm prefers a render of the same file on the farm', async () => {
  await rendered('estimates', here(), 12);
  await rendered('renders', there, 5);
  expect(await pace()).toMatchObject({ frameSeconds: 5, from: 'render' });
});

test('paceOnFarm prefers an estimate to a render of another version of the file', async () => {
  await rendered('estimates', here(), 12);
  await rendered('renders', { ...there, etag: 'older' }, 5);
  expect(await pace()).toMatchObject({ from: 'estimate' });
});

test('paceOnFarm ignores an estimate of another version of the file', async () => {
  await rendered('estimates', { ...here(), etag: 'older' }, 12);
  expect(await pace()).toBeUndefined();
});
