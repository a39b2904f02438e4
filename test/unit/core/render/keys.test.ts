import {
  asciiName,
  canonicalOptions,
  checkRenderName,
  fileOutputAt,
  frameName,
  frameOfMaster,
  frameOfName,
  isFileOutput,
  mayBeOfFrames,
  outputUrl,
  renderIdOf,
  sourceWithoutFolder,
  startsRender,
} from '../../../../core/render/keys';
import { renderJobName, salvageJobName } from '../../../../core/render/records';

describe('file outputs', () => {
  const RENDERS = ['s3://films/renders/shot-1/', 'file:///films/shot-1/', 'memory://films/renders/shot-1/'];

  describe.each(RENDERS)('in %s', (text) => {
    const render = new URL(text);

    test.each([
      ['Mask', 'Image0001.png'],
      ['Ünï_Глубина', 'sub/ä b 0001.exr'],
      ['a.b-2', '100%#&+_0001.tif'],
    ])('the URL of %s/%s leads back to it', (node, file) => {
      const url = outputUrl(render, { node, file });
      expect(url.href.startsWith(`${text}outputs/`)).toBe(true);
      expect(fileOutputAt(url, render)).toEqual({ node, file });
    });

    test.each(['outputs/a', 'outputs/%2e%2e/b.png', 'outputs/a/%', 'outputs/a/b%5cc.png'])(
      '%s is not the URL of an output',
      (key) => {
        expect(fileOutputAt(new URL(`${text}${key}`), render)).toBeUndefined();
      },
    );
  });

  test.each([
    ['..', 'a.png'],
    ['', 'a.png'],
    ['a/b', 'a.png'],
    ['.hidden', 'a.png'],
    ['a', '../a.png'],
    ['a', 'b//a.png'],
    ['a', '/a.png'],
    ['a', 'b\\a.png'],
    ['a', 'a\n.png'],
    ['a', 'a\u202e.png'],
    ['a', '\ud800.png'],
    ['a', 'c:a.png'],
    ['a', ''],
    ['a', `${'b/'.repeat(20)}a.png`],
    ['a', 'x'.repeat(300)],
  ])('a node %j with a file %j is refused', (node, file) => {
    expect(isFileOutput({ node, file })).toBe(false);
  });

  test.each<[string, boolean]>([
    ['Image0007.png', true],
    ['Image-0007.png', true],
    ['f_007_y.png', true],
    ['4k_0007.png', true],
    ['Image0008.png', false],
    ['still.png', true],
    ['7/Image0008.png', false],
  ])('%s may be of frame 7 or -7: %s', (file, expected) => {
    expect(mayBeOfFrames({ node: 'a', file }, new Set([7, -7]))).toBe(expected);
  });
});

describe('keys', () => {
  test.each([
    [1, '0001.png'],
    [9999, '9999.png'],
    [10000, '10000.png'],
    [1048574, '1048574.png'],
    [0, '0000.png'],
    [-5, '-0005.png'],
  ])('frame %i has the file %s', (frame, name) => {
    expect(frameName(frame)).toBe(name);
    expect(frameOfName(name)).toBe(frame);
  });

  test.each([
    '01.png',
    '00010.png',
    '0001.jpg',
    '.0001.png.x.part',
    '0001.png.bak',
    'notes.txt',
    '-0000.png',
  ])('%s is not the name of a frame', (name) => {
    expect(frameOfName(name)).toBeUndefined();
  });

  test.each([
    ['0001.exr', 1],
    ['-0012.jpg', -12],
    ['0001.png', undefined],
    ['1.exr', undefined],
    ['0001.exr.jpg', undefined],
    ['../0001.exr', undefined],
  ])('the master %s belongs to frame %s', (name, frame) => {
    expect(frameOfMaster(name)).toBe(frame);
  });
});

describe('render id', () => {
  const identity = {
    source: new URL('s3://bucket/uploads/My%20Shot%20%C3%A9.blend'),
    etag: 'abc',
    options: {},
  };

  test("a render id is a slug of the file's name and 8 hex digits", () => {
    expect(renderIdOf(identity)).toMatch(/^My-Shot-é-[0-9a-f]{8}$/);
  });

  test('the same bytes at the same key with the same options are the same render', () => {
    const options = { frames: '1-3', samples: 4 };
    expect(renderIdOf({ ...identity, options })).toBe(
      renderIdOf({ ...identity, options: { samples: 4, frames: '1-3', scene: undefined } }),
    );
  });

  test.each([
    ['bytes', { etag: 'abd' }],
    ['key', { source: new URL('s3://bucket/uploads/x/My%20Shot%20%C3%A9.blend') }],
    ['bucket', { source: new URL('s3://other/uploads/My%20Shot%20%C3%A9.blend') }],
    ['options', { options: { frames: '1-3' } }],
  ])('other %s make another render', (_, change) => {
    expect(renderIdOf({ ...identity, ...change })).not.toBe(renderIdOf(identity));
  });

  test("a scene's folder on this machine is no part of its identity", () => {
    const at = (path: string) => renderIdOf({ ...identity, source: sourceWithoutFolder(new URL(path)) });
    expect(at('file:///films/one/shot.blend')).toBe(at('file:///D:/two/shot.blend'));
    expect(at('file:///films/one/shot.blend')).not.toBe(at('file:///films/one/shot2.blend'));
  });

  test('the key of a scene in a bucket is part of its identity', () => {
    expect(sourceWithoutFolder(identity.source)).toBe(identity.source);
  });

  test.each(['..blend', '%24(rm%20-rf).blend', '%E5%AD%97.blend', 'x'.repeat(300)])(
    'the id of %s is safe in keys and job names',
    (name) => {
      const id = renderIdOf({ ...identity, source: new URL(`s3://bucket/uploads/${name}`) });
      expect(checkRenderName(id)).toBe(id);
      expect(renderJobName(id)).toMatch(/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/);
    },
  );

  test.each([
    ['シーン 01', 'シーン-01'],
    ['Кадр-7', 'Кадр-7'],
    ['हिन्दी फ़िल्म', 'हिन्दी-फ़िल्म'],
    ['cafe\u0301', 'caf\u00e9'],
    ['\u202eevil\u3164', 'evil'],
    ['字'.repeat(300), '字'.repeat(60)],
    ['𠀋'.repeat(300), '𠀋'.repeat(47)],
  ])('the id of "%s" keeps the letters of its script', (name, slug) => {
    const source = new URL(`s3://bucket/uploads/${encodeURIComponent(name)}.blend`);
    const id = renderIdOf({ ...identity, source });
    expect(id.slice(0, -9)).toBe(slug.normalize('NFC'));
    expect(checkRenderName(id)).toBe(id);
  });

  test('ids that differ only outside ASCII have different job names in ASCII', () => {
    const names = ['シーン', 'シーソ', 'Łódź', 'Łodź', 'plain-1', 'a'.repeat(100), '字'.repeat(60)].map(
      asciiName,
    );
    expect(new Set(names).size).toBe(7);
    expect(names[2]).toMatch(/^odz-[0-9a-f]{8}$/);
    expect(names[4]).toBe('plain-1');
    for (const name of names) expect(salvageJobName(name)).toMatch(/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/);
  });

  test.each([
    '',
    '-x',
    'a b',
    'a/b',
    '../a',
    '\u3164',
    'a\u202e',
    '\u0301a',
    'x'.repeat(101),
    '𠀋'.repeat(51),
  ])('refuses the name "%s"', (name) => {
    expect(() => checkRenderName(name)).toThrow("a render's name has at most 100 letters");
  });

  test('an explicit default does not make another render', () => {
    const defaults = { video: 'h264', background: '000000', gaps: 'hold' } as const;
    expect(canonicalOptions({ ...defaults, samples: 4 })).toEqual([['samples', 4]]);
    expect(canonicalOptions({ video: 'gif', gaps: 'mark' })).toEqual([
      ['gaps', 'mark'],
      ['video', 'gif'],
    ]);
  });

  test('an explicit persistentData auto makes another render, as a farm may have another default', () => {
    expect(canonicalOptions({ persistentData: 'auto' })).toEqual([['persistentData', 'auto']]);
  });
});

describe('startsRender', () => {
  describe('starts a render for', () => {
    test.each([
      'uploads/shot.blend',
      'uploads/my shot.blend',
      'uploads/my+shot.blend',
      'uploads/100% %41.blend',
      'uploads/Übung 映画🎬.blend',
      'uploads/film/shot.blend',
      'uploads/my film + more/shot 1.blend',
      'uploads/shot.BLEND',
      'uploads/film/Shot.Blend',
      'uploads/shot.v2.blend',
      'uploads/.blend.blend',
      'uploads/..blend',
      'uploads/uploads/shot.blend',
      'uploads/line\nbreak.blend',
      'uploads/a film.blend/shot.blend',
    ])('%j', (key) => expect(startsRender(key)).toBe(true));
  });

  describe('starts nothing for', () => {
    test.each([
      '',
      'uploads',
      'uploads/',
      'shot.blend',
      '/uploads/shot.blend',
      'Uploads/shot.blend',
      'uploadsshot.blend',
      'other/uploads/shot.blend',
      'renders/uploads/shot.blend',
      'uploads/shot.blend1',
      'uploads/shot.blend@',
      'uploads/shot.blend ',
      'uploads/shot.blend\n',
      'uploads/shot.blend/',
      'uploads/shotblend',
      'uploads/shot.blend.zip',
      'uploads/.blend',
      'uploads/film/.blend',
      'uploads//shot.blend',
      'uploads/film//shot.blend',
      'uploads/film/lib/props.blend',
      'uploads/a/b/c.blend',
      'uploads/./shot.blend',
      'uploads/../shot.blend',
      'uploads/film/texture.png',
    ])('%j', (key) => expect(startsRender(key)).toBe(false));
  });
});
