import { createHash } from 'node:crypto';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashFiles, stampOf } from '../../../../core/storage/hash-files';
import { useScratchFolder } from '../../../support/scratch-folder';
import { ROOT } from '../../../support/source-files';

const at = useScratchFolder();
const md5 = (text: string | Uint8Array): string => createHash('md5').update(text).digest('hex');

function write(name: string, content: string | Uint8Array): { path: string; size: number } {
  writeFileSync(at(name), content);
  return { path: at(name), size: content.length };
}

test('hashFiles hashes each file in order, for several threads', async () => {
  const files = Array.from({ length: 150 }, (_, index) => write(`${index}.png`, `picture ${index}`));
  const hashed = await hashFiles(files);
  expect(hashed.map((file) => file?.md5)).toEqual(files.map((_, index) => md5(`picture ${index}`)));
});

test('hashFiles hashes a file above its buffer', async () => {
  const bytes = Buffer.alloc(3 * 1024 * 1024 + 1, 'film');
  const [file] = await hashFiles([write('large.exr', bytes)]);
  expect(file).toMatchObject({ size: bytes.length, md5: md5(bytes) });
});

test('hashFiles reports each file and each byte as progress', async () => {
  const files = [write('a', 'one'), write('b', 'three')];
  const done = { files: 0, bytes: 0 };
  await hashFiles(files, (count, bytes) => {
    done.files += count;
    done.bytes += bytes;
  });
  expect(done).toEqual({ files: 2, bytes: 8 });
});

test('hashFiles leaves out missing files and folders', async () => {
  const [missing, folder] = await hashFiles([
    { path: at('none.png'), size: 1 },
    { path: at('.'), size: 1 },
  ]);
  expect([missing, folder]).toEqual([undefined, undefined]);
});

test('hashFiles gives no stamp to a file that changed a moment ago', async () => {
  const [file] = await hashFiles([write('new.png', 'new')]);
  expect(file!.stamp).toBeUndefined();
});

test('hashFiles gives the stamp of stampOf to a settled file', async () => {
  const path = join(ROOT, 'LICENSE');
  const [hashed] = await hashFiles([{ path, size: 1 }]);
  expect(hashed!.stamp).toBe(stampOf(statSync(path, { bigint: true })));
});
