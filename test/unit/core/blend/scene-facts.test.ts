import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { readBlendFacts, type BlendFacts } from '../../../../core/blend/scene-facts';
import { bytesSource } from '../../../support/counting-source';

const FIXTURES = join(__dirname, '../../../fixtures/blend');
const fixture = (name: string): Buffer => readFileSync(join(FIXTURES, `${name}.blend`));

/** What the Blender that wrote the file says of it, see make.py. */
function asked(name: string): Pick<BlendFacts, 'scenes' | 'activeScene'> & { version: number[] } {
  return JSON.parse(readFileSync(join(FIXTURES, `${name}.json`), 'utf8'));
}

const RANGE = { scene: 'Zähne 🎬', frameStart: 101, frameEnd: 119 };

describe('readBlendFacts tells what the Blender that wrote the file tells of it', () => {
  test.each([
    ['3.4-zstd', '3.4', 'zstd', [RANGE]],
    ['3.4-raw', '3.4', 'none', []],
    ['4.5-zstd', '4.5', 'zstd', []],
    ['5.0-zstd', '5.0', 'zstd', [RANGE]],
    ['5.2-zstd', '5.2', 'zstd', [RANGE]],
    ['5.2-raw', '5.2', 'none', []],
  ])('%s', async (name, text, compression, renderRanges) => {
    const { version, scenes, activeScene } = asked(name);
    const [major, minor, blenderSubversion] = version;
    const source = bytesSource(fixture(name));
    await expect(readBlendFacts(source)).resolves.toEqual({
      blenderVersion: { major, minor, text },
      blenderSubversion,
      compression,
      scenes,
      activeScene,
      renderRanges,
      incomplete: false,
    });
    expect(source.reads).toBe(1);
  });

  test('which differs from scene to scene', () => {
    const { scenes, activeScene } = asked('3.4-zstd');
    expect(activeScene).toBe('Zähne 🎬');
    expect(scenes).toMatchObject([
      { name: 'A plain one', usesSequencer: false, usesCompositor: false, viewLayers: ['ViewLayer'] },
      { name: 'The cut', usesSequencer: true, usesCompositor: true, viewLayers: ['ViewLayer', 'Staub'] },
      { name: activeScene, frameStep: 3, switchesCameras: true, crop: { xmin: 0.25 } },
    ]);
  });
});

describe('readBlendFacts tells the same, however the file is packed', () => {
  const { scenes, activeScene } = asked('3.4-zstd');

  test('gzip, as up to 2.93', async () => {
    const facts = await readBlendFacts(bytesSource(gzipSync(fixture('3.4-raw'))));
    expect(facts).toMatchObject({ compression: 'gzip', scenes: asked('3.4-raw').scenes, incomplete: false });
  });

  test('zstd without the seek table, and with bytes behind it', async () => {
    const packed = fixture('3.4-zstd');
    const tableBytes = packed.readUInt32LE(packed.length - 9) * 8 + 17;
    const cut = packed.subarray(0, packed.length - tableBytes);
    for (const bytes of [cut, Buffer.concat([packed, Buffer.from('trailing')])]) {
      await expect(readBlendFacts(bytesSource(bytes))).resolves.toMatchObject({ scenes, activeScene });
    }
  });
});
