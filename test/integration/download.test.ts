import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { mapConcurrently } from '../../core/concurrency';
import { frameName } from '../../core/render/keys';
import { runsHeavy } from '../support/heavy';
import { type RecordingProxy, startRecordingProxy } from '../support/recording-proxy';
import { type S3Emulator, startS3Emulator } from '../support/s3-emulator';
import { useScratchFolder } from '../support/scratch-folder';
import { spotreel, type Started, startProgram } from '../support/spotreel';
import { bytesOf, manifestFor } from '../support/stored-render';

jest.setTimeout(600_000);

const at = useScratchFolder();
const BUCKET = 'films';
const MIB = 1024 * 1024;

let aws: S3Emulator;
let proxy: RecordingProxy;
let environment: NodeJS.ProcessEnv;

beforeAll(async () => {
  // S3 lists 1,000 objects a page.
  process.env.MOTO_S3_DEFAULT_MAX_KEYS = '200';
  aws = await startS3Emulator(BUCKET);
  proxy = await startRecordingProxy(aws.endpoint);
  environment = {
    AWS_ENDPOINT_URL: proxy.endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  };
});
afterAll(async () => {
  await proxy.stop();
  await aws.stop();
});
beforeEach(() => void proxy.requests.splice(0));

const put = (key: string, body: string | Uint8Array) =>
  aws.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: `renders/${key}`, Body: body }));

const putManifest = (renderId: string, frames: number) =>
  put(`${renderId}/manifest.json`, JSON.stringify(manifestFor(renderId, frames)));

const argv = (renderId: string, ...more: string[]) => [
  'download',
  renderId,
  at('here'),
  '-o',
  `s3://${BUCKET}/renders`,
  '--json',
  ...more,
];
const download = (renderId: string, ...more: string[]) => spotreel(argv(renderId, ...more), { environment });

const gets = (pattern: RegExp) =>
  proxy.requests.filter(({ method, path }) => method === 'GET' && pattern.test(path));

const frameBytes = (frame: number) => bytesOf(`frame ${frame}`, 700);

const framesHere = () => (existsSync(at('here/frames')) ? readdirSync(at('here/frames')) : []);

/** Waits until it is so; the program must not have ended before. */
async function until(isSo: () => boolean, { process: program, finished }: Started): Promise<void> {
  while (!isSo()) {
    if (program.exitCode !== null) throw new Error(`ended too early: ${(await finished).stderr}`);
    await sleep(20);
  }
}

test('download of 240 frames in two pages, killed twice, fetches no whole frame again', async () => {
  const count = 240;
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  await putManifest('long', count);
  await mapConcurrently(numbers, 16, (frame) => put(`long/frames/${frameName(frame)}`, frameBytes(frame)));
  await put('long/output.mp4', bytesOf('film', 3000));
  // Other files there are not part of the contract.
  await put('long/frames/1.png', 'x');
  await put('long/frames/sub/0001.png', 'x');
  await put('long/frames/2001.png', 'no frame of this render');
  await put('long/masters/0001.sh', 'x');
  await put('long/.profile', 'x');

  const whole = new Set<string>();
  const fetchedAgain: string[] = [];
  const noteRepeats = () => {
    // Since the last kill: of what was whole by then, nothing may have been asked for.
    const asked = gets(/\/frames\//).map(({ path }) => path.split('/').at(-1)!);
    fetchedAgain.push(...asked.filter((name) => whole.has(name)));
    proxy.requests.splice(0);
    return asked.length;
  };
  let asked = 0;
  for (const share of [0.25, 0.6]) {
    const killed = startProgram('spotreel', argv('long'), { environment });
    await until(() => framesHere().length > share * count, killed);
    killed.process.kill('SIGKILL');
    expect(await killed.finished).toMatchObject({ signal: 'SIGKILL' });
    asked += noteRepeats();
    for (const name of framesHere()) whole.add(name);
    expect(whole.size).toBeLessThan(count);
  }
  const last = await download('long');
  expect(last).toMatchObject({ exitCode: 0 });
  expect(JSON.parse(last.stdout)).toMatchObject({
    state: 'complete',
    frames: { wanted: count, here: count },
    kept: whole.size,
    fetched: count + 1 - whole.size,
  });

  expect(framesHere()).toEqual(numbers.map((frame) => frameName(frame)));
  for (const frame of numbers) {
    const bytes = readFileSync(at('here/frames', frameName(frame)));
    expect(bytes.equals(frameBytes(frame))).toBe(true);
  }
  expect(readdirSync(at('here')).toSorted()).toEqual(['frames', 'output.mp4']);
  asked += noteRepeats();
  expect(fetchedAgain).toEqual([]);
  // Twice came only what was under way when it was killed, 8 at a time.
  expect(asked).toBeLessThanOrEqual(count + 2 * 8);

  expect(await download('long')).toMatchObject({ exitCode: 0 });
  expect(gets(/\.(png|mp4)$/)).toEqual([]);
  // Two pages of frames, masters, files of File Output nodes, and the folder itself.
  expect(gets(/^\/films\/?$/)).toHaveLength(5);
});

if (runsHeavy('commands'))
  test('download resumes a large file only if its version is the same', async () => {
    await putManifest('large', 2);
    const film = bytesOf('a large film', 24 * MIB);
    await put('large/output.mp4', film);
    const partial = () => {
      const folder = at('here/.download');
      const name = existsSync(folder) && readdirSync(folder).find((entry) => entry.endsWith('.part'));
      return name ? statSync(at('here/.download', name)).size : 0;
    };
    const killed = startProgram('spotreel', argv('large', '--video'), { environment });
    await until(() => partial() >= 8 * MIB, killed);
    killed.process.kill('SIGKILL');
    await killed.finished;
    const had = partial();
    expect(existsSync(at('here/output.mp4'))).toBe(false);
    proxy.requests.splice(0);
    expect(await download('large', '--video')).toMatchObject({ exitCode: 0 });
    expect(readFileSync(at('here/output.mp4')).equals(film)).toBe(true);
    const from = gets(/output\.mp4$/).map(({ range }) => Number(/=(\d+)-/.exec(range!)![1]));
    expect(Math.min(...from)).toBe(had);

    const other = bytesOf('another film', 24 * MIB);
    await put('large/output.mp4', other);
    expect(await download('large', '--video')).toMatchObject({ exitCode: 0 });
    expect(readFileSync(at('here/output.mp4')).equals(other)).toBe(true);
  });

if (runsHeavy('commands'))
  test('download can be resumed after Ctrl-C (130)', async () => {
    await putManifest('some', 200);
    const numbers = Array.from({ length: 199 }, (_, index) => index + 1);
    await mapConcurrently(numbers, 16, (frame) => put(`some/frames/${frameName(frame)}`, frameBytes(frame)));
    const stopped = startProgram('spotreel', argv('some'), { environment });
    await until(() => framesHere().length > 20, stopped);
    stopped.process.kill('SIGINT');
    const end = await stopped.finished;
    expect(end).toMatchObject({ exitCode: 130 });
    expect(end.stderr).toContain('run the same command again to resume');

    writeFileSync(at('here/frames/0002.png'), bytesOf('damaged', 700));
    const last = await download('some');
    expect(last).toMatchObject({ exitCode: 3 });
    expect(last.stderr).toContain('missing so far: frames 200');
    expect(last.stderr).toContain('no video yet');
    expect(readFileSync(at('here/frames/0002.png')).equals(frameBytes(2))).toBe(true);

    expect(await download('some', '--frames', '1-10')).toMatchObject({ exitCode: 0 });
    expect(await download('some', '--frames', '201-210')).toMatchObject({ exitCode: 2 });
  });

test('download writes nothing through a link', async () => {
  await putManifest('links', 1);
  await put('links/frames/0001.png', frameBytes(1));
  mkdirSync(at('elsewhere'));
  mkdirSync(at('here/frames'), { recursive: true });
  writeFileSync(at('elsewhere/mine.png'), 'mine');
  symlinkSync(at('elsewhere/mine.png'), at('here/frames/0001.png'));
  expect(await download('links', '--frames', '1')).toMatchObject({ exitCode: 0 });
  expect(readFileSync(at('elsewhere/mine.png'), 'utf8')).toBe('mine');
  expect(readFileSync(at('here/frames/0001.png')).equals(frameBytes(1))).toBe(true);

  symlinkSync(at('elsewhere'), at('here/masters'));
  const refused = await download('links');
  expect(refused).toMatchObject({ exitCode: 2 });
  expect(refused.stderr).toContain(`${at('here/masters')} is a link`);
  expect(await download('../links')).toMatchObject({ exitCode: 2 });
});

if (runsHeavy('commands'))
  test('download --watch fetches frames as they are stored and ends with the render', async () => {
    await putManifest('live', 2);
    await put('live/frames/0001.png', frameBytes(1));
    const watching = startProgram('spotreel', argv('live', '--watch'), { environment });
    await until(() => framesHere().length === 1, watching);
    await put('live/frames/0002.png', frameBytes(2));
    await until(() => framesHere().length === 2, watching);
    expect(watching.process.exitCode).toBeNull();
    await put('live/output.mp4', bytesOf('film', 3000));
    const status = {
      version: 1,
      renderId: 'live',
      state: 'complete',
      at: '2026-01-01T00:00:00.000Z',
      findings: [],
      links: { folder: `s3://${BUCKET}/renders/live/` },
    };
    await put('live/status.json', JSON.stringify(status));
    expect(await watching.finished).toMatchObject({ exitCode: 0 });
    expect(readFileSync(at('here/output.mp4')).equals(bytesOf('film', 3000))).toBe(true);
    expect(gets(/frames\/000\d\.png$/)).toHaveLength(2);
  });

if (runsHeavy('commands'))
  test('download copies a render of this machine', async () => {
    const folder = at('renders/local');
    mkdirSync(`${folder}/frames`, { recursive: true });
    writeFileSync(`${folder}/manifest.json`, JSON.stringify(manifestFor('local', 1)));
    writeFileSync(`${folder}/frames/0001.png`, frameBytes(1));
    writeFileSync(`${folder}/output.mp4`, bytesOf('film', 20 * MIB));
    const args = ['download', 'local', at('here'), '-o', at('renders'), '--json'];
    const first = await spotreel(args);
    expect(first).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(first.stdout)).toMatchObject({ fetched: 2, kept: 0 });
    expect(readFileSync(at('here/output.mp4')).equals(bytesOf('film', 20 * MIB))).toBe(true);
    expect(JSON.parse((await spotreel(args)).stdout)).toMatchObject({ fetched: 0, kept: 2 });
    const intoItself = await spotreel(['download', 'local', folder, '-o', at('renders')]);
    expect(intoItself).toMatchObject({ exitCode: 2 });
    expect(intoItself.stderr).toContain('is the folder of the render itself');
  });
