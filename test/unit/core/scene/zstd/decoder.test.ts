import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { decompress } from 'fzstd';
import { BlendFormatError } from '../../../../../core/scene/blend/header';
import { unpackZstd } from '../../../../../core/scene/blend/open-blend';
import { bytesSource } from '../../../../support/counting-source';
import { runsHeavy } from '../../../../support/heavy';
import { bombFrame, SLOW_FRAME, storedFrame } from '../../../../support/zstd-frames';

const MIB = 2 ** 20;
const FILES = join(__dirname, '../../../../fixtures/blend');

async function unpack(bytes: Uint8Array, limit = 64 * MIB): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of unpackZstd(bytesSource(bytes), limit)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** What it unpacks to, or the code of the error; another error is thrown on. */
async function outcome(bytes: Uint8Array): Promise<Buffer | string> {
  try {
    return await unpack(bytes);
  } catch (error) {
    if (error instanceof BlendFormatError) return error.code;
    throw error;
  }
}

function expectSame(bytes: Buffer, expected: Buffer): void {
  // Comparing them within `expect` takes seconds.
  expect(bytes.equals(expected)).toBe(true);
}

/** By another's decoder, which takes memory as it likes. Its answer to what is damaged is not to be relied on. */
function reference(bytes: Uint8Array): Buffer | undefined {
  try {
    return Buffer.from(decompress(bytes));
  } catch {
    return undefined;
  }
}

/** Packed by `zstd --ultra -22`, `-19`, `-3` and `--fast=5`: all kinds of blocks, literals, codes and offsets. */
const SAMPLES = ['ultra', 'best', 'usual', 'fast'].map((name) => `${name}.zst`);
const SAMPLE_FOLDER = join(__dirname, '../../../../fixtures/zstd');

describe('a zstd frame unpacks as by another decoder', () => {
  test.each(['3.4-zstd.blend', '5.0-zstd.blend'])('from Blender: %s', async (name) => {
    const bytes = readFileSync(join(FILES, name));
    expect((await unpack(bytes)).equals(reference(bytes)!)).toBe(true);
  });

  test.each(SAMPLES)('%s', async (name) => {
    const bytes = readFileSync(join(SAMPLE_FOLDER, name));
    const unpacked = await unpack(bytes);
    expect(unpacked.length).toBeGreaterThan(100_000);
    expect(unpacked.equals(reference(bytes)!)).toBe(true);
  });

  test('with stored, repeated and empty blocks, and several frames in a row', async () => {
    const content = Buffer.alloc(300_000, 'spotreel');
    const bytes = Buffer.concat([
      storedFrame(content),
      bombFrame(2),
      storedFrame(Buffer.alloc(0)),
      storedFrame(content),
    ]);
    const expected = Buffer.concat([content, Buffer.alloc(262_144), content]);
    expect((await unpack(bytes)).equals(expected)).toBe(true);
  });
});

describe('a damaged zstd frame', () => {
  const RUNS = runsHeavy('reader') ? 100 : 20;
  const hit = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), byte: fc.nat(255) });

  test.each(SAMPLES)('is refused with a typed error, or unpacks as by another decoder: %s', async (name) => {
    const whole = readFileSync(join(SAMPLE_FOLDER, name));
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(hit, { minLength: 1, maxLength: 4 }), async (hits) => {
        const bytes = Buffer.from(whole);
        for (const { at, byte } of hits) bytes[6 + Math.floor(at * (bytes.length - 7))] = byte;
        const ended = await outcome(bytes);
        if (typeof ended === 'string') refused += 1;
        // Where both have an answer, it is the same.
        else expectSame(ended, reference(bytes) ?? ended);
      }),
      { numRuns: RUNS, seed: 5 },
    );
    expect(refused).toBeGreaterThan(RUNS / 10);
  });

  // If it were not, it would run into the test's time limit.
  test('is refused before it copies for minutes', async () => {
    await expect(unpack(SLOW_FRAME)).rejects.toMatchObject({ code: 'bad-zstd', offset: 0 });
  });

  test('is refused for more or less bytes than it declares', async () => {
    for (const contentBytes of [299_999, 300_001, 0]) {
      const frame = storedFrame(Buffer.alloc(300_000), { contentBytes });
      await expect(unpack(frame)).rejects.toMatchObject({ code: 'bad-zstd' });
    }
    await expect(unpack(storedFrame(Buffer.alloc(10), { contentBytes: 100 }), 99)).rejects.toMatchObject({
      code: 'too-large',
    });
  });
});
