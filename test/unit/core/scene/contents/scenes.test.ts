import { CONTENTS_STRUCTS, ContentsWriter } from '../../../../support/blend-contents-writer';
import { BLENDER_3_4, BLENDER_5_0, type StructTable } from '../../../../support/blend-writer';

describe('cameras', () => {
  const TABLE = {
    ...CONTENTS_STRUCTS,
    Object: [...CONTENTS_STRUCTS['Object']!.filter((member) => member !== 'short type'), 'short type'],
    Collection: ['ID id'],
    CollectionObject: ['CollectionObject *next', 'Object *ob'],
    CollectionChild: ['CollectionChild *next', 'Collection *collection'],
    Base: ['Base *next', 'Object *object'],
  };
  const CAMERA = 11;
  const writer = () => new ContentsWriter(BLENDER_3_4, TABLE);

  describe('readBlendContents lists the cameras of each scene', () => {
    test('in nested collections that contain each other', async () => {
      const { cameras } = await writer()
        .id('SC', 'Scene', 'A', {}, 1n)
        .data('CollectionObject', { ob: 10n })
        .data('CollectionChild', { collection: 5n })
        .id('SC', 'Scene', 'B', {}, 2n)
        .data('CollectionObject', { ob: 12n })
        .id('GR', 'Collection', 'Sub', {}, 5n)
        .data('CollectionObject', { ob: 11n })
        .data('CollectionObject', { ob: 13n })
        .data('CollectionChild', { collection: 5n })
        .id('OB', 'Object', 'Right', { type: CAMERA }, 10n)
        .id('OB', 'Object', 'Left', { type: CAMERA }, 11n)
        .id('OB', 'Object', 'Of B', { type: CAMERA }, 12n)
        .id('OB', 'Object', 'Cube', { type: 1 }, 13n)
        .read();
      expect(cameras).toEqual([
        { scene: 'A', names: ['Left', 'Right'], isWhole: true },
        { scene: 'B', names: ['Of B'], isWhole: true },
      ]);
    });

    test('in files of Blender 2.79, whose scenes hold objects themselves', async () => {
      const { cameras } = await writer()
        .id('SC', 'Scene', 'A', {}, 1n)
        .data('Base', { object: 10n })
        .id('OB', 'Object', 'Old', { type: CAMERA }, 10n)
        .read();
      expect(cameras).toEqual([{ scene: 'A', names: ['Old'], isWhole: true }]);
    });

    test('as incomplete if a library may hold more', async () => {
      const { cameras } = await writer()
        .id('SC', 'Scene', 'A', {}, 1n)
        .data('CollectionChild', { collection: 7n })
        .struct('ID', 'ID', { name: 'GRRig' }, { address: 7n })
        .read();
      expect(cameras).toEqual([{ scene: 'A', names: [], isWhole: false }]);
    });
  });
});

describe('speakers', () => {
  test('readBlendContents lists unmuted speakers with a sound', async () => {
    const { speakers } = await new ContentsWriter()
      .id('SK', 'Speaker', 'Radio', { sound: 7n })
      .id('SK', 'Speaker', 'Empty')
      .id('SK', 'Speaker', 'Muted', { sound: 7n, flag: 1 << 1 })
      .id('SK', 'Speaker', 'Shown', { sound: 7n, flag: 1 << 0 })
      .read();
    expect(speakers).toEqual(['Radio', 'Shown']);
  });
});

describe('strips', () => {
  const SEQUENCER_ON = { 'r.scemode': 1 };
  const scene = (values: object = SEQUENCER_ON): ContentsWriter =>
    new ContentsWriter().id('SC', 'Scene', 'Scene', { ...values });

  const addStrip = (
    writer: ContentsWriter,
    type: number,
    names: readonly string[],
    dir = '//shots/',
    sound = 0n,
  ): ContentsWriter =>
    writer
      .data('Sequence', { name: 'SQShot', type, strip: 70n, sound })
      .data('Strip', { dir, stripdata: 71n }, 70n)
      .array(
        'StripElem',
        names.map((name) => ({ name })),
        71n,
      );

  const pathsOf = async (writer: ContentsWriter): Promise<string[]> =>
    (await writer.read()).dependencies.map(({ extent, path }) => `${extent} ${path}`);

  describe('strips', () => {
    test('of pictures are one file, a sequence, or several of both', async () => {
      const paths = (names: string[]) => pathsOf(addStrip(scene(), 0, names));
      expect(await paths(['a.png'])).toEqual(['file //shots/a.png']);
      expect(await paths(['a_01.png', 'a_02.png', 'a_10.png'])).toEqual(['sequence //shots/a_01.png']);
      expect(await paths(['a.png', 'b.png'])).toEqual(['file //shots/a.png', 'file //shots/b.png']);
      expect(await paths(['a1.png', 'b1.png', 'a2.png'])).toEqual([
        'sequence //shots/a1.png',
        'file //shots/b1.png',
      ]);
      expect(await paths(['v2_9.png', 'v2_10.png', 'v3_1.png'])).toEqual([
        'sequence //shots/v2_9.png',
        'file //shots/v3_1.png',
      ]);
      // A still one that is stretched.
      expect(await paths(['a1.png', 'a1.png'])).toEqual(['file //shots/a1.png']);
      expect(await paths([''])).toEqual([]);
    });

    test('of movies are a file, even in folders without a last slash', async () => {
      expect(await pathsOf(addStrip(scene(), 3, ['a.mp4'], '//shots'))).toEqual(['file //shots/a.mp4']);
      expect(await pathsOf(addStrip(scene(), 3, ['a.mp4'], 'C:\\shots\\'))).toEqual([
        'file C:\\shots\\a.mp4',
      ]);
      expect(await pathsOf(addStrip(scene(), 3, ['a.mp4'], ''))).toEqual(['file a.mp4']);
    });

    test('of sound count only if they have no sound data block', async () => {
      expect(await pathsOf(addStrip(scene(), 4, ['a.wav'], '//', 80n))).toEqual([]);
      expect(await pathsOf(addStrip(scene(), 5, ['a.wav'], '//'))).toEqual(['file //a.wav']);
    });

    test('of other kinds need nothing', async () => {
      expect(await pathsOf(addStrip(scene(), 28, ['a.png']))).toEqual([]);
    });

    test('need nothing if the scene does not render its sequencer', async () => {
      expect(await pathsOf(addStrip(scene({ 'r.scemode': 64 }), 0, ['a.png']))).toEqual([]);
    });

    test('of one scene use no data of another', async () => {
      const writer = scene()
        .data('Sequence', { name: 'SQShot', type: 0, strip: 70n })
        .id('SC', 'Scene', 'Other', SEQUENCER_ON)
        .data('Strip', { dir: '//', stripdata: 71n }, 70n)
        .array('StripElem', [{ name: 'a.png' }], 71n);
      expect(await pathsOf(writer)).toEqual([]);
    });

    test('may all precede their data, as up to 2.79', async () => {
      const writer = scene()
        .data('Sequence', { name: 'SQOne', type: 0, strip: 70n })
        .data('Sequence', { name: 'SQTwo', type: 3, strip: 72n })
        .data('Strip', { dir: '//', stripdata: 71n }, 70n)
        .array('StripElem', [{ name: 'a.png' }], 71n)
        .data('Strip', { dir: '//', stripdata: 73n }, 72n)
        .array('StripElem', [{ name: 'b.mp4' }], 73n);
      const { dependencies } = await writer.read();
      expect(dependencies.map(({ path, usedBy }) => [path, ...usedBy])).toEqual([
        ['//a.png', 'sequencer strip "One"'],
        ['//b.mp4', 'sequencer strip "Two"'],
      ]);
    });

    test('are found by their struct names since Blender 5.0', async () => {
      const { Sequence: _, Strip: __, StripElem: ___, ...others } = CONTENTS_STRUCTS;
      const structs: StructTable = {
        ...others,
        Strip: ['Strip *next', 'char name[64]', 'int type', 'int pad', 'StripData *data', 'bSound *sound'],
        StripData: ['StripElem *stripdata', 'char dirpath[768]'],
        StripElem: ['char filename[256]', 'int orig_width'],
      };
      const writer = new ContentsWriter(BLENDER_5_0, structs)
        .id('SC', 'Scene', 'Scene', SEQUENCER_ON)
        .data('Strip', { name: 'SQShot', type: 3, data: 70n })
        .data('StripData', { dirpath: '//', stripdata: 71n }, 70n)
        .array('StripElem', [{ filename: 'a.mp4' }], 71n);
      expect(await pathsOf(writer)).toEqual(['file //a.mp4']);
    });

    test('of numbered pictures list their numbers', async () => {
      const names = ['a_01.png', 'a_02.png', 'a_04.png', 'a_04.png', 'a_03.png'];
      const { dependencies } = await addStrip(scene(), 0, names).read();
      expect(dependencies.map(({ runs }) => runs)).toEqual([
        [
          [1, 2],
          [4, 4],
          [3, 3],
        ],
      ]);
    });

    test('with a picture for each of 20,000 frames are one sequence', async () => {
      const names = Array.from({ length: 20_000 }, (_, index) => `f_${String(index).padStart(5, '0')}.png`);
      expect(await pathsOf(addStrip(scene(), 0, names))).toEqual(['sequence //shots/f_00000.png']);
    });
  });
});
