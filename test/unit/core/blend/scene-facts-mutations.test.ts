import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { BlendFormatError } from '../../../../core/blend/blend-format-error';
import { readBlendFacts } from '../../../../core/blend/scene-facts';
import { BLENDER_5_0, BlendWriter, bytesSource, type BlendShape } from '../../../support/blend-writer';
import { seekableZstd } from './zstd-frames';

const FIXTURES = join(__dirname, '../../../fixtures/blend');
const LIMITS = { wholeBytes: 8 << 20, seekableBytes: 16 << 20 };

const small = (shape?: BlendShape): Buffer =>
  new BlendWriter(shape)
    .render('A')
    .struct('GLOB', 'FileGlobal', { curscene: 1n })
    .scene('A', {}, { address: 1n })
    .struct('DATA', 'TimeMarker', {})
    .struct('DATA', 'Sequence', { type: 4 })
    .block('OB')
    .end();

const SUBJECTS: [string, Buffer][] = [
  ['format 0', small()],
  ['format 1', small(BLENDER_5_0)],
  ['big-endian', small({ ...BLENDER_5_0, format: 0, littleEndian: false, version: 279 })],
  ['gzip', gzipSync(small())],
  ['zstd', seekableZstd(small(), 500)],
  ['raw of Blender 3.4', readFileSync(join(FIXTURES, '3.4-raw.blend'))],
  ['zstd of Blender 5.0', readFileSync(join(FIXTURES, '5.0-zstd.blend'))],
];

/** Bytes overwritten, a piece cut out, the end cut off. */
const mutation = fc.record({
  writes: fc.array(
    fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
    }),
    { maxLength: 6 },
  ),
  cutAt: fc.double({ min: 0, max: 1, noNaN: true }),
  cutBytes: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 64 })),
  keep: fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
});

test.each(SUBJECTS)('a mutated file is read or is a BlendFormatError: %s', async (_, subject) => {
  await fc.assert(
    fc.asyncProperty(mutation, async ({ writes, cutAt, cutBytes, keep }) => {
      let bytes = Buffer.from(subject);
      for (const write of writes)
        bytes.set(write.bytes.subarray(0, 1), Math.floor(write.at * (bytes.length - 1)));
      for (const write of writes.slice(0, 1))
        bytes.set(write.bytes, Math.floor(write.at * (bytes.length - 8)));
      const cut = Math.floor(cutAt * bytes.length);
      bytes = Buffer.concat([bytes.subarray(0, cut), bytes.subarray(cut + cutBytes)]);
      bytes = bytes.subarray(0, Math.floor(bytes.length * keep));
      try {
        const facts = await readBlendFacts(bytesSource(bytes), LIMITS);
        expect(facts.scenes.map((scene) => scene.name)).toContain(facts.activeScene);
      } catch (error) {
        if (!(error instanceof BlendFormatError)) throw error;
      }
    }),
    { numRuns: 100, seed: 5 },
  );
});
