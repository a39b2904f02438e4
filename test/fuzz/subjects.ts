import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ByteWindow } from '../../core/scene/blend/bytes';
import { parseBlendHeader } from '../../core/scene/blend/header';
import { walkBlocks } from '../../core/scene/blend/sdna';
import { BLENDER_5_0, type BlendShape, BlendWriter } from '../support/blend-writer';
import { bytesSource } from '../support/counting-source';
import { seekableZstd, storedFrames } from '../support/zstd-frames';
import type { HotSpot } from './mutate';

/** A good file that a round damages. */
export interface Subject {
  readonly name: string;
  readonly bytes: Buffer;
  readonly hot: readonly HotSpot[];
  /** Applied to the damaged bytes, so that the damage is inside the packed data. */
  readonly pack: (bytes: Buffer) => Buffer;
}

const FIXTURES = join(__dirname, '../fixtures/blend');
const AS_IT_IS = (bytes: Buffer): Buffer => bytes;

/** Files of all kinds: of real Blenders and of the writer, and packed in all ways before and after the damage. */
export async function fuzzSubjects(): Promise<Subject[]> {
  const old = readFileSync(join(FIXTURES, '3.4-raw.blend'));
  const large = written({ block: Buffer.alloc(2 << 20) });
  return [
    await raw('written, format 0', written({})),
    await raw('written, format 1', written({ shape: BLENDER_5_0 })),
    await raw(
      'written, big-endian',
      written({ shape: { ...BLENDER_5_0, format: 0, littleEndian: false, version: 279 } }),
    ),
    await raw(
      'written, 32-bit',
      written({ shape: { ...BLENDER_5_0, format: 0, pointerBytes: 4, version: 249 } }),
    ),
    await raw('larger than what is fetched at first', large),
    await raw('Blender 3.4', old),
    await raw('Blender 5.2', readFileSync(join(FIXTURES, '5.2-raw.blend'))),
    { ...(await raw('gzip around the damage', old)), pack: (bytes) => gzipSync(bytes, { level: 1 }) },
    { ...(await raw('zstd around the damage', old)), pack: (bytes) => seekableZstd(bytes, 20_000) },
    {
      ...(await raw('zstd without a table around the damage', written({}))),
      pack: (bytes) => Buffer.concat(storedFrames(bytes, 5000).frames),
    },
    packed('gzip', gzipSync(old)),
    packed('zstd of Blender 3.4', readFileSync(join(FIXTURES, '3.4-zstd.blend'))),
    packed('zstd of Blender 5.0', readFileSync(join(FIXTURES, '5.0-zstd.blend'))),
    packed('zstd, written', seekableZstd(written({}), 500)),
  ];
}

function written({ shape, block }: { shape?: BlendShape; block?: Buffer }): Buffer {
  return new BlendWriter(shape)
    .render('A')
    .struct('GLOB', 'FileGlobal', { curscene: 1n })
    .scene('A', {}, { address: 1n })
    .struct('DATA', 'TimeMarker', {})
    .struct('DATA', 'Sequence', { type: 4 })
    .struct('DATA', 'ViewLayer', { name: 'Layer' })
    .block('OB', block)
    .end();
}

/** Hot are the headers of blocks, the scenes, and the structs. */
async function raw(name: string, bytes: Buffer): Promise<Subject> {
  const hot: HotSpot[] = [{ start: 0, end: 40 }];
  const header = parseBlendHeader(bytes);
  await walkBlocks(new ByteWindow(bytesSource(bytes)), header, header.length, (block) => {
    const { code, offset, dataOffset } = block;
    const end = dataOffset + block.length;
    if (code === 'DNA1') hot.push({ start: offset, end: offset + 200 }, { start: offset, end });
    else if (code === 'SC') hot.push({ start: offset, end }, { start: offset, end: dataOffset });
    else if (code !== 'DATA' || hot.length < 100)
      hot.push({ start: offset, end: Math.min(end, dataOffset + 32) });
  });
  return {
    name,
    bytes,
    hot: hot.map(({ start, end }) => ({ start, end: Math.min(end, bytes.length) })),
    pack: AS_IT_IS,
  };
}

/** Hot are the two ends, which hold headers and tables. */
function packed(name: string, bytes: Buffer): Subject {
  const hot = [
    { start: 0, end: 40 },
    { start: bytes.length - 120, end: bytes.length },
  ];
  return { name, bytes, hot, pack: AS_IT_IS };
}
