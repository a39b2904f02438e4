import { mapConcurrently } from '../map-concurrently';
import { formatLocation } from '../storage/location';
import type { ByteSource, Storage } from '../storage/storage';
import type { FoundFile } from './find-files';
import type { FoundDependency } from './dependencies';

/** Files that are looked at at a time. */
const LOOKED_AT_ONCE = 16;

/** Files that are looked into: on this machine, and in a bucket, where each is a request. */
const MOST_LOCAL = 20_000;
const MOST_STORED = 100;

/** A pointer of Git LFS has three short lines: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md */
const MAX_POINTER_BYTES = 1024;
const POINTER = 'version https://git-lfs.github.com/spec/v1';

const HEAD_BYTES = 64;

/** Some programs write something of their own behind a picture's end. */
const TAIL_BYTES = 64 << 10;

/** Pictures that Blender knows by their first bytes. TGA has none. */
const PICTURE =
  /\.(?:png|jpe?g|jpe|jfif|bmp|sgi|rgba?|bw|tiff?|tx|jp2|j2c|j2k|hdr|dds|dpx|cin|exr|psd|webp|gif)$/i;

/** The first bytes of pictures, as Latin-1: the `is_a` functions in Blender's source/blender/imbuf/intern. */
const STARTS: readonly string[] = [
  '\x89PNG',
  '\xff\xd8',
  'BM',
  '\x01\xda',
  'II\x2a\0',
  'MM\0\x2a',
  'II\x2b\0',
  'MM\0\x2b',
  '\0\0\0\x0cjP  ',
  '\xff\x4f\xff\x51',
  '#?',
  'DDS ',
  'SDPX',
  'XPDS',
  '\x80\x2a\x5f\xd7',
  '\xd7\x5f\x2a\x80',
  '\x76\x2f\x31\x01',
  '8BPS',
  'GIF8',
];

/** WebP, and containers of films and of HEIF. */
const isContainer = (head: string): boolean => /^(?:RIFF[^]{4}WEBP|[^]{4}ftyp)/.test(head);

/**
 * Adds to each dependency which of its files are empty, are pointers of Git LFS, or, on this machine, are damaged
 * pictures: of each at most the head and the tail are read. Libraries are read elsewhere.
 */
export async function withFileFaults(
  dependencies: readonly FoundDependency[],
  storage: Storage,
  hasMore: () => boolean,
): Promise<FoundDependency[]> {
  const judged = dependencies.filter(({ dependency }) => {
    return dependency.kind !== 'library' && dependency.extent !== 'folder';
  });
  const files = new Map(judged.flatMap((found) => found.files.map((file) => [file.url.href, file])));
  const left = { local: MOST_LOCAL, stored: MOST_STORED };
  const looked = await mapConcurrently([...files.values()], LOOKED_AT_ONCE, async (file) => {
    return [file.url.href, await faultOf(file, storage, left, hasMore)] as const;
  });
  const why = new Map(looked);
  const areJudged = new Set(judged);
  return dependencies.map((found) => {
    const faults = areJudged.has(found)
      ? found.files.flatMap(({ url }) => {
          const reason = why.get(url.href);
          return reason === undefined ? [] : [{ location: formatLocation(url), why: reason }];
        })
      : [];
    return faults.length === 0 ? found : { ...found, faults };
  });
}

async function faultOf(
  { url, size, path }: FoundFile,
  storage: Storage,
  left: { local: number; stored: number },
  hasMore: () => boolean,
): Promise<string | undefined> {
  if (size === 0) return 'is empty';
  const isLocal = url.protocol === 'file:';
  const mayBePointer = size <= MAX_POINTER_BYTES;
  if (!mayBePointer && !(isLocal && PICTURE.test(path))) return undefined;
  left[isLocal ? 'local' : 'stored'] -= 1;
  if (Math.min(left.local, left.stored) < 0 || !hasMore()) return undefined;
  const source = await storage.open(url).catch(() => undefined);
  // It has gone since it was found, or may not be read: Blender will report that.
  if (!source) return undefined;
  try {
    return await faultIn(source, isLocal && PICTURE.test(path));
  } catch {
    return undefined;
  } finally {
    await source.close();
  }
}

async function faultIn(source: ByteSource, isPicture: boolean): Promise<string | undefined> {
  const head = latin1(await source.read(0, HEAD_BYTES));
  if (head.startsWith(POINTER)) return 'is a Git LFS pointer, not the file itself: run git lfs pull';
  if (!isPicture) return undefined;
  const isKnown = STARTS.some((start) => head.startsWith(start)) || isContainer(head);
  if (!isKnown) return 'is damaged: it does not start like a picture';
  const { size } = source;
  const tail = async (): Promise<string> =>
    latin1(await source.read(Math.max(size - TAIL_BYTES, 0), TAIL_BYTES));
  return (await isCut(head, size, tail)) ? 'is damaged: its end is missing' : undefined;
}

/** Whether the end of the picture is missing, as far as its format says where that is: pure but for `tail`. */
async function isCut(head: string, size: number, tail: () => Promise<string>): Promise<boolean> {
  if (head.startsWith('\x89PNG')) return !(await tail()).includes('IEND');
  if (head.startsWith('\xff\xd8')) return !(await tail()).includes('\xff\xd9');
  if (head.startsWith('RIFF')) return numberAt(head, 4) + 8 > size;
  return false;
}

/** Little-endian, 4 bytes. */
function numberAt(head: string, offset: number): number {
  return Buffer.from(head, 'latin1').readUInt32LE(offset);
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
