import fc from 'fast-check';
import { parseSidecar, parseUploadMetadata } from '../../../../core/render/upload-options';

describe('sidecar', () => {
  const parse = (text: string) => parseSidecar(Buffer.from(text), 'shot.blend.json');

  test('has every option by its name in metadata, as text, number or true', () => {
    const text = JSON.stringify({
      frames: '1-10',
      'frames-per-slice': 5,
      Scene: 'Übung',
      samples: '16',
      device: 'gpu',
      force: true,
      name: 'Take-2',
    });
    expect(parse(text)).toEqual({
      options: { frames: '1-10', framesPerSlice: 5, scene: 'Übung', samples: 16, device: 'GPU', force: true },
      name: 'Take-2',
    });
    expect(parse('{}')).toEqual({ options: {}, name: undefined });
  });

  test.each([
    ['invalid JSON', 'frames: 1', 'shot.blend.json has no readable options (it is not JSON)'],
    ['a list', '[1]', 'shot.blend.json has no readable options ('],
    [
      'an option in an option',
      '{"frames": {"start": 1}}',
      'shot.blend.json has no readable options (frames: ',
    ],
    ['an unknown option', '{"sampels": 4}', 'shot.blend.json has an unknown option "sampels"; use frames, '],
    ['an invalid value', '{"samples": 1.5}', 'shot.blend.json: samples "1.5" must be a whole number'],
    ['invalid frames', '{"frames": "all"}', 'shot.blend.json: frames "all" is wrong'],
    ['an invalid name', '{"name": "../x"}', 'shot.blend.json: name "../x" is wrong'],
    [
      'force without the value true',
      '{"force": false}',
      'force "false" must be true, or left out; change it there',
    ],
  ])('is refused with %s', (_, text, message) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'bad-metadata', kind: 'usage' }));
    expect(() => parse(text)).toThrow(message);
  });
});

describe('upload metadata', () => {
  test('may be absent', () => {
    expect(parseUploadMetadata({})).toEqual({ options: {}, name: undefined });
  });

  test('can have every option', () => {
    const metadata = {
      frames: '1-10,20,30-50x2',
      'frames-per-slice': '5',
      scene: 'Scene 2',
      camera: 'Cam A,Cam B',
      'resolution-percent': '50',
      samples: '128',
      engine: 'CYCLES',
      device: 'gpu',
      force: 'true',
      'allow-scripts': 'true',
      name: 'Take-2',
      tags: 'artist=ann, shot=12,',
    };
    expect(parseUploadMetadata(metadata)).toEqual({
      options: {
        frames: '1-10,20,30-50x2',
        framesPerSlice: 5,
        scene: 'Scene 2',
        camera: 'Cam A,Cam B',
        resolutionPercent: 50,
        samples: 128,
        engine: 'CYCLES',
        device: 'GPU',
        force: true,
        allowScripts: true,
      },
      name: 'Take-2',
      tags: { artist: 'ann', shot: '12' },
    });
  });

  test.each([
    ['cycles', 'CYCLES'],
    ['Eevee', 'BLENDER_EEVEE'],
    ['blender_eevee_next', 'BLENDER_EEVEE_NEXT'],
    ['WORKBENCH', 'BLENDER_WORKBENCH'],
  ])('engine %s is %s', (engine, id) => {
    expect(parseUploadMetadata({ engine }).options).toEqual({ engine: id });
  });

  test.each([
    ['colors/config.ocio', '//colors/config.ocio'],
    ['//config.ocio', '//config.ocio'],
    ['./studio.ocioz', '//studio.ocioz'],
    ['ocio://cg-config-latest', 'ocio://cg-config-latest'],
  ])('ocio %s is %s', (ocio, option) => {
    expect(parseUploadMetadata({ ocio }).options).toEqual({ ocio: option });
  });

  test('with a tag that AWS would refuse is refused', () => {
    expect(() => parseUploadMetadata({ tags: 'artist=ann,aws:x=y' })).toThrow(
      'x-amz-meta-tags "artist=ann,aws:x=y" is wrong: tag "aws:x=y" must have another name',
    );
  });

  test('may have unknown keys, which are ignored', () => {
    const metadata = {
      's3cmd-attrs': 'uid:0',
      'spotreel-write': 'x',
      mtime: '1',
      constructor: 'x',
      toString: 'x',
    };
    expect(parseUploadMetadata(metadata)).toEqual({ options: {}, name: undefined });
  });

  describe('a scene that is not US-ASCII', () => {
    test.each([
      ['=?UTF-8?B?w5xidW5n?=', 'Übung'],
      ['=?UTF-8?Q?=C3=9Cbung_2?=', 'Übung 2'],
      ['=?utf-8?q?=C3=9C?= =?utf-8?q?bung?=', 'Übung'],
      ['=?iso-8859-1?Q?=DCbung?=', 'Übung'],
      ["UTF-8''%C3%9Cbung%202", 'Übung 2'],
      ["utf-8'de'%F0%9F%8E%AC", '🎬'],
      ['50%20', '50%20'],
      ['=?nonsense?Q?x?=', '=?nonsense?Q?x?='],
      ["UTF-8''%ZZ", "UTF-8''%ZZ"],
      ['  Scene  ', 'Scene'],
    ])('%s is %s', (value, scene) => {
      expect(parseUploadMetadata({ scene: value }).options).toEqual({ scene });
    });
  });

  describe('is refused with the key, the value and the limits', () => {
    test.each([
      ['frames', 'all', 'x-amz-meta-frames "all" is wrong: frame range "all": "all" is not a frame or range'],
      ['frames', '10-1', 'write 1-10'],
      ['frames', '', 'must be frames such as 1-10,20,30-50x2'],
      ['device', 'tpu', 'x-amz-meta-device "tpu" must be CPU or GPU'],
      ['frames-per-slice', '0', 'x-amz-meta-frames-per-slice "0" must be a whole number of 1 or more'],
      ['frames-per-slice', '1.5', 'whole number'],
      ['frames-per-slice', '1e3', 'whole number'],
      ['frames-per-slice', '', 'whole number'],
      ['resolution-percent', '40000', 'from 1 to 32767'],
      ['samples', '-1', 'from 1 to 16777216'],
      ['engine', 'cycles --python x', 'must be cycles, eevee or workbench'],
      ['ocio', '/etc/config.ocio', 'must be a .ocio or .ocioz file by its path from the folder of the scene'],
      ['ocio', 'config.txt', 'must be a .ocio or .ocioz file'],
      ['engine', 'luxcore', 'x-amz-meta-engine "luxcore" must be cycles, eevee or workbench'],
      ['scene', '', '1 to 255 characters'],
      ['force', 'yes', 'x-amz-meta-force "yes" must be true, or left out'],
      ['allow-scripts', 'yes', 'x-amz-meta-allow-scripts "yes" must be true, or left out'],
      ['name', '../other', 'x-amz-meta-name "../other" is wrong: a render\'s name has at most 100 letters'],
    ])('%s: %j', (key, value, message) => {
      const read = () => parseUploadMetadata({ [key]: value });
      expect(read).toThrow(expect.objectContaining({ code: 'bad-metadata', kind: 'usage' }));
      expect(read).toThrow(message);
    });
  });

  test('gives the scene in any encoding', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }), (scene) => {
        const base64 = `=?UTF-8?B?${Buffer.from(scene).toString('base64')}?=`;
        const percent = `UTF-8''${encodeURIComponent(scene)}`;
        for (const value of [base64, percent]) {
          expect(parseUploadMetadata({ scene: value }).options).toEqual({ scene });
        }
      }),
    );
  });
});
