import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { makeScene } from '../support/blender';
import { emulatedEnvironment, makeEmulatedFarm } from '../support/emulated-farm';
import { type RecordingProxy, startRecordingProxy } from '../support/recording-proxy';
import { type S3Emulator, startS3Emulator } from '../support/s3-emulator';
import { useScratchFolder } from '../support/scratch-folder';
import { spotreel, startProgram } from '../support/spotreel';

jest.setTimeout(180_000);

const at = useScratchFolder();
const BUCKET = 'spotreel-films';
const PLATES = 200;

/** Five parts of an upload. */
const BIG_BYTES = 33 * 1024 * 1024;

let aws: S3Emulator;
let proxy: RecordingProxy;
/** Parts of the big file that the proxy still lets through. */
let partsLeft = Infinity;

beforeAll(async () => {
  aws = await startS3Emulator(BUCKET);
  await makeEmulatedFarm(aws);
  proxy = await startRecordingProxy(aws.endpoint, async ({ method, path }) => {
    if (method !== 'PUT' || !path.endsWith('/big.exr')) return;
    partsLeft -= 1;
    if (partsLeft < 0) await new Promise(() => undefined);
  });
});
afterAll(async () => {
  await proxy.stop();
  await aws.stop();
});
beforeEach(() => {
  partsLeft = Infinity;
  proxy.requests.length = 0;
});

const environment = (): NodeJS.ProcessEnv => ({
  ...emulatedEnvironment(aws),
  AWS_ENDPOINT_URL: proxy.endpoint,
  XDG_CACHE_HOME: at('cache'),
});
const submit = (scene: string) => spotreel(['submit', scene], { environment: environment() });

/** A scene that shows the picture at `path`, relative to it. */
function sceneOf(path: string, source: 'FILE' | 'SEQUENCE'): Promise<string> {
  return makeScene(
    at('shot.blend'),
    `
image = bpy.data.images.new('Plate', 4, 4)
image.source = ${JSON.stringify(source)}
image.filepath = ${JSON.stringify(`//${path}`)}
material = bpy.data.materials.new('Plate')
material.use_nodes = True
texture = material.node_tree.nodes.new('ShaderNodeTexImage')
texture.image = image
texture.image_user.frame_duration = ${PLATES}
texture.image_user.use_auto_refresh = True
shader = material.node_tree.nodes['Principled BSDF']
material.node_tree.links.new(texture.outputs[0], shader.inputs[0])
cube = bpy.data.objects['Cube']
cube.data.materials.clear()
cube.data.materials.append(material)
scene.frame_end = ${PLATES}
`,
  );
}

/** A file that starts and ends as a PNG. */
function writePlate(number: number, text = `plate ${number}`): void {
  const bytes = Buffer.from(`\x89PNG\r\n\x1a\n${text}IEND\xae\x42\x60\x82`, 'latin1');
  writeFileSync(at('plates', `${String(number).padStart(4, '0')}.png`), bytes);
}

test('submit finds unchanged files by listings', async () => {
  mkdirSync(at('plates'));
  for (let number = 1; number <= PLATES; number += 1) writePlate(number);
  const scene = await sceneOf('plates/0001.png', 'SEQUENCE');
  const first = await submit(scene);
  expect(first).toMatchObject({ exitCode: 0 });
  expect(first.stderr).toContain(`uploading ${PLATES + 1} files`);

  proxy.requests.length = 0;
  const second = await submit(scene);
  expect(second).toMatchObject({ exitCode: 0, stdout: first.stdout });
  expect(second.stderr).toContain(`all ${PLATES + 1} files are already uploaded`);
  expect(proxy.requests.filter(({ path }) => path.includes('/uploads/'))).toEqual([]);
  expect(proxy.requests.length).toBeLessThanOrEqual(10);

  // A record that is out of date, on this machine and in the bucket.
  writePlate(7, 'another plate');
  const { Contents = [] } = await aws.client.send(
    new ListObjectsV2Command({ Bucket: BUCKET, Prefix: 'uploads/' }),
  );
  const lost = Contents.map(({ Key }) => Key!).find((key) => key.endsWith('/0009.png'))!;
  await aws.client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: lost }));
  const third = await submit(scene);
  expect(third).toMatchObject({ exitCode: 0 });
  expect(third.stderr).toContain(`uploading 2 files (0.0 MiB); ${PLATES - 1} are already uploaded`);
});

test('submit resumes the upload of a large file after Ctrl-C', async () => {
  const big = Buffer.alloc(BIG_BYTES);
  for (let offset = 0; offset < BIG_BYTES; offset += 1024) big.writeUInt32LE(offset, offset);
  big.write('\x76\x2f\x31\x01', 'latin1');
  writeFileSync(at('big.exr'), big);
  const scene = await sceneOf('big.exr', 'FILE');
  partsLeft = 2;
  const { process: started, finished } = startProgram('spotreel', ['submit', scene], {
    environment: environment(),
  });
  while (partsInJournal() < 2) await sleep(50);
  started.kill('SIGINT');
  const stopped = await finished;
  expect(stopped).toMatchObject({ exitCode: 130, stdout: '' });
  expect(stopped.stderr).toContain('stopped: run the same command again to resume');

  partsLeft = Infinity;
  proxy.requests.length = 0;
  expect(await submit(scene)).toMatchObject({ exitCode: 0 });
  const sent = proxy.requests.filter(({ method, path }) => method === 'PUT' && path.endsWith('/big.exr'));
  expect(sent).toHaveLength(3);
  const { path } = sent[0]!;
  const { Body } = await aws.client.send(
    new GetObjectCommand({ Bucket: BUCKET, Key: path.slice(`/${BUCKET}/`.length) }),
  );
  expect(Buffer.from(await Body!.transformToByteArray()).equals(big)).toBe(true);
  expect(readdirSync(at('cache/spotreel/parts'))).toEqual([]);
});

/** Parts in the journal of the only unfinished upload. */
function partsInJournal(): number {
  const folder = at('cache/spotreel/parts');
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const name = names.find((each) => each.endsWith('.parts'));
  return name === undefined ? 0 : readFileSync(join(folder, name), 'utf8').split('\n').length - 1;
}
