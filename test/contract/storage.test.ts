import { execFileSync, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { FileStorage } from '../../core/storage/file-storage';
import { sweepPartials } from '../../core/storage/file-writes';
import { routeStorage } from '../../core/storage/open-storage';
import { S3Storage } from '../../core/storage/s3-storage';
import { fileUrl, keyUrl } from '../../core/storage/storage';
import { MemoryStorage } from '../support/memory-storage';
import { type S3Emulator, startS3Emulator } from '../support/s3-emulator';
import { describeStorage } from './storage-conformance';

jest.setTimeout(120_000);

const MIB = 1024 * 1024;
let emulator: S3Emulator;
let folder: string;

beforeAll(async () => {
  emulator = await startS3Emulator();
});
afterAll(() => emulator.stop());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'spotreel-contract-'));
});
afterEach(() => rm(folder, { recursive: true }));

describeStorage('memory', async () => ({
  storage: new MemoryStorage(),
  root: new URL('memory://bucket/root/'),
  close: async () => undefined,
}));

describeStorage('file', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'spotreel file+100%#'));
  return {
    storage: new FileStorage(),
    root: fileUrl(`${directory}/`),
    close: () => rm(directory, { recursive: true }),
  };
});

describeStorage(
  's3 (through the router)',
  async () => ({
    storage: routeStorage({ 's3:': async () => new S3Storage(emulator.client) }),
    root: keyUrl('s3:', emulator.bucket, 'root/'),
    close: async () => undefined,
  }),
  // moto's web framework finds no route for a path with a line break.
  { lineBreaks: true },
);

describe('s3 storage', () => {
  it('uploads large files in parts without leaving incomplete uploads', async () => {
    const storage = new S3Storage(emulator.client);
    const url = keyUrl('s3:', emulator.bucket, 'parts/scene.blend');
    const path = join(folder, 'scene.blend');
    await writeFile(path, Buffer.alloc(20 * MIB, 'scene'));
    const results = await Promise.allSettled(
      Array.from({ length: 3 }, () => storage.upload(path, url, { ifAbsent: true })),
    );
    expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected', 'rejected']);
    const head = await storage.head(url);
    expect(head).toMatchObject({ size: 20 * MIB, etag: expect.stringMatching(/^[0-9a-f]{32}-3$/) });
    const { Uploads } = await emulator.client.send(
      new ListMultipartUploadsCommand({ Bucket: emulator.bucket }),
    );
    expect(Uploads ?? []).toEqual([]);
    expect(await storage.fetch(url, join(folder, 'fetched'), head?.etag)).toBe(
      join(folder, 'fetched', 'scene.blend'),
    );
  });

  it('names a missing bucket', async () => {
    const storage = new S3Storage(emulator.client);
    const url = new URL('s3://no-such-bucket/scene.blend');
    const listing = async (): Promise<void> => {
      for await (const _ of storage.list(new URL('s3://no-such-bucket/')));
    };
    for (const attempt of [
      () => storage.get(url),
      () => storage.put(url, 'x'),
      () => storage.delete(url),
      listing,
    ]) {
      await expect(attempt()).rejects.toMatchObject({
        code: 'not-found',
        message: expect.stringContaining('bucket "no-such-bucket"'),
      });
    }
  });

  it('reports that S3 is unreachable', async () => {
    const storage = new S3Storage(emulator.clientWith({ endpoint: 'http://127.0.0.1:9', maxAttempts: 1 }));
    await expect(storage.head(keyUrl('s3:', emulator.bucket, 'x'))).rejects.toMatchObject({
      code: 'unavailable',
      kind: 'passing',
    });
  });
});

describe('file storage', () => {
  it('hides and deletes the partial file of a killed writer', async () => {
    const storage = new FileStorage();
    const url = fileUrl(join(folder, 'frames', '0001.png'));
    await storage.put(url, 'the first version');
    const module = join(__dirname, '../../core/storage/file-storage.ts');
    const program = `
      const { FileStorage } = require(${JSON.stringify(module)});
      const storage = new FileStorage(), body = Buffer.alloc(${256 * MIB}, 1);
      void storage.put(new URL(${JSON.stringify(url.href)}), body);
    `;
    const writer = spawn(process.execPath, ['--require', 'tsx/cjs', '-e', program], { stdio: 'inherit' });
    const exited = new Promise((done) => writer.once('exit', done));
    while ((await readdir(join(folder, 'frames'))).length < 2 && writer.exitCode === null) await sleep(1);
    writer.kill('SIGKILL');
    await exited;
    expect(writer.signalCode).toBe('SIGKILL');
    const listed: [string, number][] = [];
    for await (const info of storage.list(fileUrl(`${folder}/`))) listed.push([info.url.href, info.size]);
    expect(listed).toEqual([[url.href, 'the first version'.length]]);
    expect(await readFile(join(folder, 'frames', '0001.png'), 'utf8')).toBe('the first version');
    expect(await sweepPartials(folder)).toBe(1);
    expect(await readdir(join(folder, 'frames'))).toEqual(['0001.png']);
  });
});

describe('a full disk', () => {
  let disk: string;
  let mounted = false;
  beforeEach(async () => {
    disk = join(folder, 'small disk');
    await mkdir(disk);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk], { stdio: 'pipe' });
      mounted = true;
    } catch (error) {
      console.warn(`NOT TESTED: a full disk, because no small one can be mounted here (${String(error)})`);
    }
  });
  afterEach(() => {
    if (mounted) execFileSync('umount', [disk]);
    mounted = false;
  });

  it('gives an error that says what to do, and leaves no partial file', async () => {
    if (!mounted) return;
    const storage = new FileStorage();
    const url = fileUrl(join(disk, 'frames', '0001.png'));
    const source = join(folder, 'source.bin');
    await writeFile(source, Buffer.alloc(MIB));
    const message = `can't write ${disk}/frames/0001.png: the disk is full (ENOSPC); free space or choose another output folder`;
    for (const attempt of [() => storage.put(url, Buffer.alloc(MIB)), () => storage.upload(source, url)]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'no-space', kind: 'passing', message });
    }
    expect(await readdir(join(disk, 'frames'))).toEqual([]);
    await storage.put(url, Buffer.alloc(1024));
  });

  it('ends a download at once', async () => {
    if (!mounted) return;
    for (const storage of [new S3Storage(emulator.client), new MemoryStorage()]) {
      const protocol = storage instanceof S3Storage ? 's3:' : 'memory:';
      const url = keyUrl(protocol, emulator.bucket, 'full/scene.blend');
      await storage.put(url, Buffer.alloc(MIB));
      await expect(storage.fetch(url, disk)).rejects.toMatchObject({ code: 'no-space' });
      await expect(storage.fetch(url, disk)).rejects.toThrow(
        `can't write ${disk}/scene.blend: the disk is full`,
      );
    }
    expect(await readdir(disk)).toEqual([]);
  });
});
