import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { readBlendFacts, type SceneFacts } from '../../../../core/blend/scene-facts';
import { bytesSource } from '../../../support/blend-writer';

const fixture = (name: string): Buffer => readFileSync(join(__dirname, '../../../fixtures/blend', name));

const FILM: SceneFacts = {
  name: 'Zähne 🎬',
  frameStart: 101,
  frameEnd: 119,
  frameStep: 3,
  fps: 24,
  fpsBase: Math.fround(1.001),
  width: 101,
  height: 57,
  resolutionPercent: 50,
  crop: { xmin: 0.25, xmax: 0.75, ymin: 0.125, ymax: 0.5 },
  engine: 'BLENDER_EEVEE',
  outputFormat: 'JPEG',
  outputPath: '//out/film_',
  hasCamera: true,
  markerCameras: true,
  usesSequencer: false,
};

const PLAIN: SceneFacts = {
  name: 'A plain one',
  frameStart: 1,
  frameEnd: 250,
  frameStep: 1,
  fps: 24,
  fpsBase: 1,
  width: 1920,
  height: 1080,
  resolutionPercent: 100,
  engine: 'BLENDER_EEVEE',
  outputFormat: 'PNG',
  outputPath: '/tmp/',
  hasCamera: false,
  markerCameras: false,
  usesSequencer: false,
};

// It has a border, but does not crop to it; a marker, but without a camera.
const CUT: SceneFacts = {
  ...PLAIN,
  name: 'The cut',
  frameStart: 0,
  frameEnd: 24,
  outputPath: '//',
  usesSequencer: true,
};

describe('readBlendFacts of files that Blender wrote', () => {
  test('3.4, zstd, saved: three scenes, the active one last', async () => {
    await expect(readBlendFacts(bytesSource(fixture('3.4-zstd.blend')))).resolves.toEqual({
      blenderVersion: { major: 3, minor: 4, text: '3.4' },
      compression: 'zstd',
      scenes: [PLAIN, CUT, FILM],
      activeScene: FILM.name,
    });
  });

  test('3.4, uncompressed, written as a library, without REND', async () => {
    await expect(readBlendFacts(bytesSource(fixture('3.4-raw.blend')))).resolves.toEqual({
      blenderVersion: { major: 3, minor: 4, text: '3.4' },
      compression: 'none',
      scenes: [FILM],
      activeScene: FILM.name,
    });
  });

  test('4.5, zstd, written as a library', async () => {
    const engine = 'BLENDER_EEVEE_NEXT';
    await expect(readBlendFacts(bytesSource(fixture('4.5-zstd.blend')))).resolves.toEqual({
      blenderVersion: { major: 4, minor: 5, text: '4.5' },
      compression: 'zstd',
      scenes: [
        { ...CUT, engine },
        { ...FILM, engine },
      ],
      activeScene: CUT.name,
    });
  });

  test('5.0, zstd, saved: the large block headers', async () => {
    await expect(readBlendFacts(bytesSource(fixture('5.0-zstd.blend')))).resolves.toEqual({
      blenderVersion: { major: 5, minor: 0, text: '5.0' },
      compression: 'zstd',
      scenes: [PLAIN, CUT, FILM],
      activeScene: FILM.name,
    });
  });

  test('gzip, as up to 2.93', async () => {
    const facts = await readBlendFacts(bytesSource(gzipSync(fixture('3.4-raw.blend'))));
    expect(facts).toMatchObject({ compression: 'gzip', scenes: [FILM] });
  });

  test('zstd without the seek table, and with bytes behind it', async () => {
    const packed = fixture('3.4-zstd.blend');
    const tableBytes = packed.readUInt32LE(packed.length - 9) * 8 + 17;
    const cut = packed.subarray(0, packed.length - tableBytes);
    for (const bytes of [cut, Buffer.concat([packed, Buffer.from('trailing')])]) {
      await expect(readBlendFacts(bytesSource(bytes))).resolves.toMatchObject({ scenes: [PLAIN, CUT, FILM] });
    }
  });
});
