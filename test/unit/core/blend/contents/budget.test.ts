import * as fc from 'fast-check';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { CONTENTS_BUDGET } from '../../../../../core/blend/contents/frugal-reader';
import { readBlendContents } from '../../../../../core/blend/contents/read-blend-contents';
import { BLENDER_5_0, type BlendShape } from '../../../../support/blend-writer';
import { ContentsWriter } from '../../../../support/blend-contents-writer';
import {
  bytesSource,
  sparseSource,
  type CountingSource,
  type SparsePart,
} from '../../../../support/counting-source';
import { seekableZstd, storedFrames } from '../zstd-frames';

const MIB = 2 ** 20;

const allowed = (size: number): number =>
  Math.min(3 + Math.floor(size / (2 * MIB)), CONTENTS_BUDGET.requests);

function expectLaw(source: CountingSource): void {
  expect(source.reads).toBeLessThanOrEqual(allowed(source.size));
  expect(source.readBytes).toBeLessThanOrEqual(Math.min(source.size, CONTENTS_BUDGET.bytes));
}

/** A file with an image before, between and behind blocks of these sizes, whose data are zeros. */
function withBlocks(sizes: readonly number[], shape: BlendShape = BLENDER_5_0): CountingSource {
  const parts: SparsePart[] = [];
  let offset = 0;
  const add = (writer: ContentsWriter): void => {
    const bytes = offset === 0 ? writer.bytes() : writer.bytes().subarray(shape.format === 1 ? 17 : 12);
    parts.push({ offset, bytes });
    offset += bytes.length;
  };
  const image = (name: string): ContentsWriter =>
    new ContentsWriter(shape).id('IM', 'Image', name, { name: `//${name}.png`, source: 1 });
  add(image('first'));
  sizes.forEach((size, index) => {
    add(image(`${index}`).block('DATA', new Uint8Array(0), { length: BigInt(size) }));
    offset += size;
  });
  const last = image('last');
  last.end();
  add(last);
  return sparseSource(offset, parts);
}

const namesOf = (sizes: readonly number[]): string[] => [
  'first',
  ...sizes.map((_, index) => `${index}`),
  'last',
];

describe('readBlendContents keeps to its budget', () => {
  test('for a file of 5 GiB in few blocks', async () => {
    const sizes = [4 * 2 ** 30, 2 ** 20, 2 ** 30];
    const source = withBlocks(sizes);
    const { dependencies, incomplete } = await readBlendContents(source);
    expect(dependencies.map(({ path }) => path)).toEqual(namesOf(sizes).map((name) => `//${name}.png`));
    expect(incomplete).toBe(false);
    expect(source.reads).toBeLessThanOrEqual(6);
    expect(source.readBytes).toBeLessThan(4 * MIB);
  });

  test('for a file of any blocks: 3 + size / 2 MiB requests, and never a byte twice', async () => {
    const size = fc.oneof(
      fc.integer({ min: 0, max: 5000 }),
      fc.integer({ min: 0, max: 3 * MIB }),
      fc.integer({ min: 0, max: 20 * MIB }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(size, { maxLength: 30 }), async (sizes) => {
        const source = withBlocks(sizes);
        const { dependencies, incomplete } = await readBlendContents(source);
        expectLaw(source);
        const found = dependencies.map(({ path }) => path);
        const all = namesOf(sizes).map((name) => `//${name}.png`);
        expect(found).toEqual(all);
        expect(incomplete).toBe(false);
      }),
      { numRuns: 60, seed: 9 },
    );
  });

  test('for 200,000 small blocks', async () => {
    const block = new ContentsWriter().data('ListBase').bytes().subarray(12);
    const writer = new ContentsWriter()
      .id('IM', 'Image', 'A', { name: '//a.png', source: 1 })
      .raw(Buffer.alloc(200_000 * block.length, block));
    writer.id('IM', 'Image', 'B', { name: '//b.png', source: 1 });
    const source = bytesSource(writer.end());
    const { dependencies, incomplete } = await readBlendContents(source);
    expect(dependencies).toHaveLength(2);
    expect(incomplete).toBe(false);
    expectLaw(source);
  });

  test('for 800 blocks of 100 kB, of which it reads all', async () => {
    const sizes = Array.from({ length: 800 }, () => 100_000);
    const source = withBlocks(sizes);
    const { dependencies, incomplete } = await readBlendContents(source);
    expect([dependencies.length, incomplete]).toEqual([802, false]);
    expect(source.reads).toBeLessThanOrEqual(14);
    expectLaw(source);
  });

  test('for 5 GiB in blocks of 10 MiB, of which it reads little', async () => {
    const sizes = Array.from({ length: 512 }, () => 10 * MIB);
    const source = withBlocks(sizes);
    const { dependencies, incomplete } = await readBlendContents(source);
    expect([dependencies.length, incomplete]).toEqual([514, false]);
    expect(source.reads).toBeLessThanOrEqual(514);
    expect(source.readBytes).toBeLessThan(140 * MIB);
  });

  test('for more requests than it may make: the answer is incomplete, names the limit, and is true as far as it goes', async () => {
    const source = withBlocks(Array.from({ length: 1500 }, () => 3 * MIB));
    const contents = await readBlendContents(source);
    expect(contents).toMatchObject({ incomplete: true, limit: '1280 requests to storage' });
    expect(contents.dependencies.length).toBeGreaterThan(1200);
    expect(source.reads).toBe(1280);
    expectLaw(source);
  });

  test('for a library of which it has not seen what is linked: the library counts', async () => {
    const gap = 3 * MIB;
    const writer = new ContentsWriter(BLENDER_5_0).id('LI', 'Library', 'a.blend', { name: '//a.blend' });
    const head = writer.bytes();
    const block = new ContentsWriter(BLENDER_5_0)
      .block('DATA', new Uint8Array(0), { length: BigInt(gap) })
      .bytes()
      .subarray(17);
    const parts = Array.from({ length: 1500 }, (_, index) => ({
      offset: head.length + index * (block.length + gap),
      bytes: block,
    }));
    const tailOffset = head.length + 1500 * (block.length + gap);
    const tail = new ContentsWriter(BLENDER_5_0).end().subarray(17);
    const all = [{ offset: 0, bytes: head }, ...parts, { offset: tailOffset, bytes: tail }];
    const contents = await readBlendContents(sparseSource(tailOffset + tail.length, all));
    expect(contents.incomplete).toBe(true);
    expect(contents.dependencies.map(({ path }) => path)).toEqual(['//a.blend']);
  });

  test('not for a file on this machine, which it reads through', async () => {
    const source = withBlocks(Array.from({ length: 1500 }, () => 3 * MIB));
    const local = { ...source, url: pathToFileURL('/scene.blend') };
    const { dependencies, incomplete } = await readBlendContents(local);
    expect([dependencies.length, incomplete]).toEqual([1502, false]);
  });

  test('for a packed file, which is fetched once', async () => {
    const noise = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * index * 31) % 251));
    const writer = new ContentsWriter().id('IM', 'Image', 'A', { name: '//a.png', source: 1 });
    for (let index = 0; index < 100; index++) writer.block('DATA', noise);
    writer.id('IM', 'Image', 'B', { name: '//b.png', source: 1 });
    const raw = writer.end();
    const packings = {
      gzip: gzipSync(raw, { level: 0 }),
      zstd: seekableZstd(raw, 2 * MIB),
      'zstd without a table': Buffer.concat(storedFrames(raw, 2 * MIB).frames),
    };
    for (const [name, bytes] of Object.entries(packings)) {
      const source = bytesSource(bytes);
      const { dependencies, incomplete } = await readBlendContents(source);
      expect([name, dependencies.length, incomplete]).toEqual([name, 2, false]);
      expectLaw(source);
    }
  });

  test('for a large zstd file: by its seek table, only what is needed', async () => {
    const writer = new ContentsWriter(BLENDER_5_0)
      .id('IM', 'Image', 'A', { name: '//a.png', source: 1 })
      .block('DATA', Buffer.alloc(60 * MIB));
    const source = bytesSource(
      seekableZstd(writer.id('IM', 'Image', 'B', { name: '//b.png' }).end(), 2 * MIB),
    );
    const { dependencies } = await readBlendContents(source);
    expect(dependencies).toHaveLength(2);
    expectLaw(source);
    expect(source.readBytes).toBeLessThan(20 * MIB);
  });

  test('for a packed file beyond it: nothing is known, and that is told', async () => {
    const noise = Buffer.alloc(70 * MIB);
    const raw = new ContentsWriter()
      .id('IM', 'Image', 'A', { name: '//a.png', source: 1 })
      .block('DATA', noise)
      .end();
    const source = bytesSource(gzipSync(raw, { level: 0 }));
    const contents = await readBlendContents(source);
    expect(contents).toMatchObject({ dependencies: [], incomplete: true });
    expectLaw(source);
  });
});
