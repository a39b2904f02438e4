import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs/promises';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { Document } from '../../../../core/render/document';
import { FileStorage } from '../../../../core/storage/file-storage';
import { sweepPartials } from '../../../../core/storage/file-writes';
import { filePath, fileUrl } from '../../../../core/storage/storage';

jest.mock('node:fs/promises', () => {
  const actual = jest.requireActual<typeof fs>('node:fs/promises');
  return {
    ...actual,
    link: jest.fn(actual.link),
    writeFile: jest.fn(actual.writeFile),
    rename: jest.fn(actual.rename),
  };
});

const LEFT_OVER = '.0001.png.0123456789ab.part';

function systemError(code: string, syscall = 'write'): Error {
  return Object.assign(new Error(`${code}: ${syscall}`), { code, syscall });
}

describe('FileStorage', () => {
  const storage = new FileStorage();
  let folder: string;
  const at = (...segments: string[]): URL => fileUrl(join(folder, ...segments));
  const listed = async (prefix = fileUrl(`${folder}/`)): Promise<string[]> => {
    const paths: string[] = [];
    for await (const { url } of storage.list(prefix)) paths.push(filePath(url).slice(folder.length + 1));
    return paths;
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'spotreel-file-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  it('treats a pipe as missing and does not wait for its writer', async () => {
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    await expect(storage.get(at('pipe'))).rejects.toMatchObject({ code: 'not-found' });
    await expect(storage.open(at('pipe'))).rejects.toMatchObject({ code: 'not-found' });
    await expect(storage.fetch(at('pipe'), folder)).rejects.toMatchObject({ code: 'not-found' });
    expect(await storage.head(at('pipe'))).toBeUndefined();
    expect(await listed()).toEqual([]);
  });

  it('does not treat a link to itself or a huge file as a passing fault', async () => {
    await symlink('loop', join(folder, 'loop'));
    await expect(storage.get(at('loop'))).rejects.toMatchObject({
      code: 'denied',
      message: `can't read ${folder}/loop: it is a symbolic link; remove it`,
    });
    await writeFile(join(folder, 'endless'), '');
    await fs.truncate(join(folder, 'endless'), 3 * 2 ** 30);
    await expect(storage.get(at('endless'))).rejects.toMatchObject({
      code: 'denied',
      message: `can't read ${folder}/endless: it is too large; remove it`,
    });
    const schema = z.object({});
    expect(await new Document(at('loop'), { name: 'record', schema }, storage).find()).toEqual({
      damage: 'it is a symbolic link',
    });
    expect(await new Document(at('endless'), { name: 'record', schema }, storage).find()).toEqual({
      damage: 'it is too large',
    });
  });

  it('reports a file with the name of a required folder', async () => {
    await writeFile(join(folder, 'out'), '');
    for (const ifAbsent of [false, true]) {
      await expect(storage.put(at('out', 'frames', '1.png'), 'x', { ifAbsent })).rejects.toMatchObject({
        code: 'denied',
        kind: 'usage',
        url: { href: at('out', 'frames', '1.png').href },
        message: `can't write ${folder}/out/frames/1.png: a part of the path is a file, not a folder; choose another output folder`,
      });
      await expect(storage.put(at('out', '1.png'), 'x', { ifAbsent })).rejects.toMatchObject({
        code: 'denied',
      });
    }
  });

  it('reports a folder with the name of a required file', async () => {
    await mkdir(join(folder, 'output.mp4'));
    await expect(storage.put(at('output.mp4'), 'x')).rejects.toMatchObject({
      code: 'denied',
      message: `can't write ${folder}/output.mp4: it is a folder; choose another output folder`,
    });
    expect(await readdir(folder)).toEqual(['output.mp4']);
  });

  it.each([
    [
      'ENOSPC',
      'no-space',
      'passing',
      'the disk is full (ENOSPC); free space or choose another output folder',
    ],
    [
      'EDQUOT',
      'no-space',
      'passing',
      'the disk is full (EDQUOT); free space or choose another output folder',
    ],
    ['EROFS', 'denied', 'usage', 'the disk is read-only; choose another output folder'],
    ['EACCES', 'denied', 'usage', 'permission denied; choose another output folder or fix the permissions'],
    ['EIO', 'unavailable', 'passing', 'check the disk and try again'],
  ])('reports what to do about %s and leaves no file', async (errno, code, kind, words) => {
    await storage.put(at('1.png'), 'old');
    jest.mocked(fs.writeFile).mockImplementationOnce(async (path) => {
      if (typeof path === 'string') await fs.appendFile(path, 'half of it');
      throw systemError(errno);
    });
    const attempt = storage.put(at('1.png'), 'new');
    await expect(attempt).rejects.toMatchObject({
      code,
      kind,
      url: { href: at('1.png').href },
      cause: { code: errno },
    });
    await expect(attempt).rejects.toThrow(`can't write ${folder}/1.png: `);
    await expect(attempt).rejects.toThrow(words);
    expect(await readdir(folder)).toEqual(['1.png']);
    expect(await readFile(join(folder, '1.png'), 'utf8')).toBe('old');
  });

  it('reports a name that is too long', async () => {
    await expect(storage.put(at('x'.repeat(256)), '')).rejects.toMatchObject({ code: 'bad-url' });
    await storage.put(at('映'.repeat(85)), 'as long as may be');
    expect(await listed()).toEqual(['映'.repeat(85)]);
  });

  it('lets one writer win on a disk without hard links', async () => {
    jest.mocked(fs.link).mockImplementation(async () => Promise.reject(systemError('EPERM', 'link')));
    const writers = Array.from({ length: 20 }, (_, writer) => `writer ${writer}`);
    const results = await Promise.allSettled(
      writers.map((writer) => storage.put(at('manifest.json'), writer, { ifAbsent: true })),
    );
    jest.mocked(fs.link).mockImplementation(jest.requireActual<typeof fs>('node:fs/promises').link);
    const won = writers.filter((_, writer) => results[writer]?.status === 'fulfilled');
    expect(won).toEqual([await readFile(join(folder, 'manifest.json'), 'utf8')]);
    expect(await readdir(folder)).toEqual(['manifest.json']);
  });

  it('lists no temporary files, broken links or content of linked folders', async () => {
    await mkdir(join(folder, 'frames'));
    await writeFile(join(folder, 'frames', '0001.png'), 'x');
    await writeFile(join(folder, 'frames', LEFT_OVER), 'torn');
    await writeFile(join(folder, '.mine.part'), "a user's own");
    await symlink('nowhere', join(folder, 'dangling'));
    await symlink('loop', join(folder, 'loop'));
    await symlink('.', join(folder, 'self'));
    await symlink('frames/0001.png', join(folder, 'linked.png'));
    expect(await listed()).toEqual(['.mine.part', 'frames/0001.png', 'linked.png']);
    expect(await listed(at('no', 'such/'))).toEqual([]);
  });

  it('gives a fault to an entry that is neither a file nor a folder', async () => {
    await mkdir(join(folder, 'sub'));
    await writeFile(join(folder, 'a.png'), 'x');
    await symlink('nowhere', join(folder, 'dangling'));
    await symlink('/dev/zero', join(folder, 'device'));
    await symlink('sub', join(folder, 'linked'));
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    const faults: Record<string, string | undefined> = {};
    for await (const { name, fault } of storage.listFolder(at('./'))) faults[name] = fault;
    expect(faults).toEqual({
      sub: undefined,
      'a.png': undefined,
      dangling: 'is a link that leads nowhere',
      device: 'is a link to something that is not a regular file',
      pipe: 'is not a regular file',
    });
  });

  it('does not wait for a pipe or read a device', async () => {
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    await symlink('/dev/zero', join(folder, 'device'));
    for (const name of ['pipe', 'device']) {
      expect(await storage.head(at(name))).toBeUndefined();
      await expect(storage.get(at(name))).rejects.toMatchObject({ code: 'not-found' });
      await expect(storage.open(at(name))).rejects.toMatchObject({ code: 'not-found' });
    }
  });

  it('sweeps only temporary files', async () => {
    await mkdir(join(folder, 'renders', 'frames'), { recursive: true });
    await writeFile(join(folder, LEFT_OVER), 'torn');
    await writeFile(join(folder, 'renders', 'frames', LEFT_OVER), 'torn');
    await writeFile(join(folder, 'renders', '.mine.part'), "a user's own");
    await symlink('..', join(folder, 'renders', 'up'));
    expect(await sweepPartials(folder)).toBe(2);
    expect(await readdir(folder, { recursive: true })).toEqual(
      expect.arrayContaining(['renders', 'renders/.mine.part', 'renders/frames', 'renders/up']),
    );
    expect(await sweepPartials(folder)).toBe(0);
    expect(await sweepPartials(join(folder, 'missing'))).toBe(0);
  });

  it('continues to read the opened file after another file replaces it', async () => {
    await storage.put(at('scene.blend'), 'old');
    const source = await storage.open(at('scene.blend'));
    await storage.put(at('scene.blend'), 'new');
    expect(Buffer.from(await source.read(0, 3)).toString()).toBe('old');
    await source.close();
  });

  it('fetches a file without a copy', async () => {
    await storage.put(at('scene.blend'), 'x');
    expect(await storage.fetch(at('scene.blend'), join(folder, 'scratch'))).toBe(join(folder, 'scene.blend'));
    expect(await readdir(folder)).toEqual(['scene.blend']);
  });

  it('can upload a file onto itself', async () => {
    await storage.put(at('same'), 'x');
    await storage.upload(join(folder, 'same'), at('same'));
    expect(await readFile(join(folder, 'same'), 'utf8')).toBe('x');
  });
});
