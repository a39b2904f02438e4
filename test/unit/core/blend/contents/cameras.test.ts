import { CONTENTS_STRUCTS, ContentsWriter } from '../../../../support/blend-contents-writer';
import { BLENDER_3_4 } from '../../../../support/blend-writer';

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
  test('in its collections and theirs, though these hold each other', async () => {
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

  test('of Blender 2.79, whose scenes hold objects themselves', async () => {
    const { cameras } = await writer()
      .id('SC', 'Scene', 'A', {}, 1n)
      .data('Base', { object: 10n })
      .id('OB', 'Object', 'Old', { type: CAMERA }, 10n)
      .read();
    expect(cameras).toEqual([{ scene: 'A', names: ['Old'], isWhole: true }]);
  });

  test('and says so if a library may hold more', async () => {
    const { cameras } = await writer()
      .id('SC', 'Scene', 'A', {}, 1n)
      .data('CollectionChild', { collection: 7n })
      .struct('ID', 'ID', { name: 'GRRig' }, { address: 7n })
      .read();
    expect(cameras).toEqual([{ scene: 'A', names: [], isWhole: false }]);
  });
});
