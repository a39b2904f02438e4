import { gzipSync } from 'node:zlib';
import { randomBytes } from 'node:crypto';
import { BlendFormatError } from '../../../../core/blend/blend-format-error';
import { readBlendFacts } from '../../../../core/blend/scene-facts';
import { BLENDER_3_4, BLENDER_5_0, BlendWriter, type BlendShape } from '../../../support/blend-writer';
import { bytesSource, sparseSource, type CountingSource } from '../../../support/counting-source';
import { seekableZstd, storedFrames } from './zstd-frames';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** What an ordinary file may take, whatever its size. */
const ORDINARY = { reads: 2, bytes: 1.25 * MIB };

/** What any file may take. */
const ANY = { reads: 64, bytes: 64 * MIB };

function expectWithin(source: CountingSource, budget: { reads: number; bytes: number }): void {
  expect(source.reads).toBeLessThanOrEqual(budget.reads);
  expect(source.readBytes).toBeLessThanOrEqual(budget.bytes);
}

/** Scenes where they stand in real files, 300 kB from the start. */
function ordinaryFront(shape?: BlendShape): BlendWriter {
  return new BlendWriter(shape)
    .render('B', { frameStart: 1, frameEnd: 9 })
    .block('TEST', Buffer.alloc(65_544))
    .struct('GLOB', 'FileGlobal', { curscene: 2n, subversion: 3 })
    .block('WM', Buffer.alloc(250_000))
    .scene('A', {}, { address: 1n })
    .struct('DATA', 'ViewLayer', { name: 'Layer' })
    .scene('B', { 'r.efra': 9 }, { address: 2n })
    .struct('DATA', 'TimeMarker', { camera: 5n });
}

const EXPECTED = {
  blenderSubversion: 3,
  activeScene: 'B',
  scenes: [
    { name: 'A', viewLayers: ['Layer'] },
    { name: 'B', frameEnd: 9, markerCameras: true },
  ],
  incomplete: false,
};

/** The same file with so many more bytes, all zero, in blocks of other data before its end, and behind its end. */
function sparseFile(shape: BlendShape, extra: readonly number[], trailing = 0): CountingSource {
  const head = ordinaryFront(shape).bytes();
  const parts = [{ offset: 0, bytes: head }];
  let offset = head.length;
  const headerOf = (length: number): Buffer => {
    const empty = new BlendWriter(shape);
    const start = empty.bytes().length;
    return empty
      .block('ME', new Uint8Array(0), { length: BigInt(length) })
      .bytes()
      .subarray(start);
  };
  for (const length of extra) {
    const header = headerOf(length);
    parts.push({ offset, bytes: header });
    offset += header.length + length;
  }
  const end = new BlendWriter(shape);
  const start = end.bytes().length;
  const tail = end.end().subarray(start);
  parts.push({ offset, bytes: tail });
  return sparseSource(offset + tail.length + trailing, parts);
}

describe('an ordinary file takes two requests and 1.25 MiB at most', () => {
  test('of 5 GB, in one block, sparse', async () => {
    const source = sparseFile(BLENDER_5_0, [5 * GIB]);
    expect(source.size).toBeGreaterThan(5 * GIB);
    await expect(readBlendFacts(source)).resolves.toMatchObject(EXPECTED);
    expectWithin(source, ORDINARY);
  });

  test('of 6 GB, in blocks of the old format, sparse', async () => {
    const source = sparseFile(BLENDER_3_4, [2 * GIB - 1, 2 * GIB - 1, 2 * GIB - 1, 1000]);
    await expect(readBlendFacts(source)).resolves.toMatchObject(EXPECTED);
    expectWithin(source, ORDINARY);
  });

  test('of 200,000 blocks', async () => {
    const block = new BlendWriter().block('DATA', Buffer.alloc(360)).bytes().subarray(12);
    const source = bytesSource(
      ordinaryFront()
        .block('OB')
        .raw(Buffer.alloc(200_000 * block.length, block))
        .end(),
    );
    await expect(readBlendFacts(source)).resolves.toMatchObject(EXPECTED);
    expectWithin(source, ORDINARY);
  });

  test('of zstd with its seek table, of which only the frames in use are fetched', async () => {
    const content = ordinaryFront()
      .block('ME', randomBytes(40 * MIB))
      .end();
    const source = bytesSource(seekableZstd(content, 64 << 10));
    await expect(readBlendFacts(source)).resolves.toMatchObject({ compression: 'zstd', ...EXPECTED });
    expectWithin(source, ORDINARY);
  });

  test('with a few trailing bytes', async () => {
    const content = ordinaryFront()
      .block('ME', Buffer.alloc(4 * MIB))
      .end();
    const source = bytesSource(Buffer.concat([content, Buffer.alloc(50_000, 'DNA1')]));
    await expect(readBlendFacts(source)).resolves.toMatchObject(EXPECTED);
    expectWithin(source, ORDINARY);
  });

  test.each([0, 11, MIB, 1.1875 * MIB])('of %d bytes takes one', async (size) => {
    const source = bytesSource(Buffer.alloc(size, 'BLENDER-v304'));
    await expect(readBlendFacts(source)).rejects.toThrow(BlendFormatError);
    expect(source.reads).toBe(size > 0 ? 1 : 0);
  });
});

describe('any file takes 64 requests and 64 MiB at most', () => {
  const NAMES = Array.from({ length: 301 }, (_, index) => `Scene ${index}`);

  test('301 scenes, with 40,000 objects in the first, are all read', async () => {
    const base = new BlendWriter().block('DATA', Buffer.alloc(120)).bytes().subarray(12);
    const writer = new BlendWriter().struct('GLOB', 'FileGlobal', {}).scene(NAMES[0]!);
    writer.raw(Buffer.alloc(40_000 * base.length, base));
    for (const name of NAMES.slice(1)) writer.scene(name).raw(Buffer.alloc(100 * base.length, base));
    const source = bytesSource(writer.block('ME', Buffer.alloc(40 * MIB)).end());
    const facts = await readBlendFacts(source);
    expect(facts.scenes.map(({ name }) => name)).toEqual(NAMES);
    expect(facts.incomplete).toBe(false);
    expectWithin(source, { reads: 8, bytes: 20 * MIB });
  });

  // The scene comes last, or never.
  const dense = new BlendWriter().block('DATA', Buffer.alloc(1000)).bytes().subarray(12);
  const front = (): BlendWriter =>
    new BlendWriter()
      .render('B', { frameStart: 1, frameEnd: 9 })
      .struct('GLOB', 'FileGlobal', { curscene: 2n, subversion: 3 });
  const endless = (): BlendWriter => front().raw(Buffer.alloc(80_000 * dense.length, dense));
  const UNKNOWN = {
    incomplete: true,
    blenderSubversion: 3,
    scenes: [],
    activeScene: 'B',
    renderRanges: [{ scene: 'B', frameStart: 1, frameEnd: 9 }],
  };

  test.each([
    ['80 MB of small blocks before the scene', () => endless().scene('B').end()],
    ['80 MB of small blocks, and no end block', () => endless().bytes()],
    ['zstd of it, in small frames', () => seekableZstd(endless().scene('B').end(), 64 << 10)],
    ['zstd of it, without a seek table', () => Buffer.concat(storedFrames(endless().end(), 64 << 10).frames)],
    [
      'gzip of more than 64 MiB',
      () =>
        gzipSync(
          front()
            .block('ME', randomBytes(70 * MIB))
            .end(),
          { level: 0 },
        ),
    ],
  ])('else the answer is incomplete: %s', async (_, bytes) => {
    const source = bytesSource(bytes());
    await expect(readBlendFacts(source)).resolves.toMatchObject(UNKNOWN);
    expectWithin(source, ANY);
    // It did not give up before.
    expect(source.reads > 60 || source.readBytes > 50 * MIB).toBe(true);
  });

  test('an incomplete answer has the scenes that were found, and the active one if it is among them', async () => {
    const writer = new BlendWriter()
      .struct('GLOB', 'FileGlobal', { curscene: 2n })
      .scene('A', {}, { address: 1n })
      .scene('B', {}, { address: 2n })
      .scene('C', {}, { address: 3n })
      .raw(Buffer.alloc(80_000 * dense.length, dense));
    const source = bytesSource(writer.end());
    const facts = await readBlendFacts(source);
    expect(facts.scenes.map(({ name }) => name)).toEqual(['A', 'B']);
    expect(facts).toMatchObject({ activeScene: 'B', incomplete: true });
    expectWithin(source, ANY);
  });

  test('four million empty blocks', async () => {
    const empty = new BlendWriter().block('DATA').bytes().subarray(12);
    const source = bytesSource(
      front()
        .raw(Buffer.alloc(4_000_000 * empty.length, empty))
        .end(),
    );
    await expect(readBlendFacts(source)).resolves.toMatchObject(UNKNOWN);
    expectWithin(source, ANY);
  });

  test('a hundred blocks with gaps between them, and the structs out of reach', async () => {
    const blocks = Array.from({ length: 100 }, () => 10 * MIB);
    const source = sparseFile(BLENDER_5_0, blocks, 300_000);
    await expect(readBlendFacts(source)).resolves.toMatchObject({ ...UNKNOWN, scenes: [] });
    expectWithin(source, ANY);
  });

  test('gzip of up to 64 MiB is read through', async () => {
    const source = bytesSource(
      gzipSync(
        ordinaryFront()
          .block('ME', randomBytes(50 * MIB))
          .end(),
        { level: 0 },
      ),
    );
    await expect(readBlendFacts(source)).resolves.toMatchObject({ compression: 'gzip', ...EXPECTED });
    expectWithin(source, ANY);
  });
});
