import { readBlendFacts } from '../../../../core/blend/scene-facts';
import {
  BLENDER_3_4,
  BlendWriter,
  STRUCTS,
  type BlendShape,
  type Values,
} from '../../../support/blend-writer';
import { bytesSource } from '../../../support/counting-source';

const TABLE = {
  ...STRUCTS,
  ID: [...STRUCTS['ID']!, 'IDProperty *properties', 'IDProperty *system_properties'],
  ListBase: ['void *first', 'void *last'],
  IDPropertyData: ['void *pointer', 'ListBase group', 'int val', 'int val2'],
  IDProperty: ['IDProperty *next', 'IDProperty *prev', 'char type', 'char name[63]', 'IDPropertyData data'],
  ViewLayer: ['ViewLayer *next', 'char name[62]', 'short flag', 'IDProperty *id_properties'],
};
const GROUP = 6;

/** A scene whose properties are a group at 10, and a view layer with a group at 30. */
class Scene extends BlendWriter {
  constructor(shape: BlendShape = BLENDER_3_4, at: 'properties' | 'system_properties' = 'properties') {
    super(shape, TABLE);
    this.scene('A', { [`id.${at}`]: 10n });
  }

  property(address: bigint, type: number, name: string, value: bigint | number, next = 0n): this {
    const data: Values = typeof value === 'bigint' ? { 'data.group.first': value } : { 'data.val': value };
    return this.struct('DATA', 'IDProperty', { type, name, next, ...data }, { address });
  }

  /** The group `cycles` with one switch. */
  cycles(root: bigint, type: number, value: number): this {
    return this.property(root, GROUP, '', root + 1n)
      .property(root + 1n, 1, 'other', 7, root + 2n)
      .property(root + 2n, GROUP, 'cycles', root + 3n)
      .property(root + 3n, type, 'use_denoising', value);
  }

  layer(flag: number): this {
    return this.struct('DATA', 'ViewLayer', { name: 'L', flag, id_properties: 30n });
  }

  async denoises(): Promise<boolean> {
    return (await readBlendFacts(bytesSource(this.end()))).scenes[0]!.denoises;
  }
}

describe('readBlendFacts reads whether Cycles denoises', () => {
  test.each([
    ['by default since 3.0', new Scene(), true],
    ['not by default before', new Scene({ ...BLENDER_3_4, version: 293 }), false],
    ['if the scene says so', new Scene({ ...BLENDER_3_4, version: 293 }).cycles(10n, 1, 1), true],
    ['not if the scene says so', new Scene().cycles(10n, 1, 0), false],
    ['by a truth value', new Scene().cycles(10n, 10, 0), false],
    ['by the properties of add-ons', new Scene(BLENDER_3_4, 'system_properties').cycles(10n, 10, 0), false],
    ['not by a text', new Scene().cycles(10n, 0, 0), true],
    ['not if its only view layer says so', new Scene().layer(1).cycles(30n, 1, 0), false],
    ['not by a view layer that does not render', new Scene().layer(0).layer(1).cycles(30n, 1, 0), false],
    ['if one of its view layers says nothing', new Scene().layer(1), true],
  ])('%s', async (_, scene, expected) => {
    expect(await scene.denoises()).toBe(expected);
  });

  test('of a list of properties that ends in itself', async () => {
    const scene = new Scene().property(10n, GROUP, '', 11n).property(11n, 1, 'x', 1, 11n);
    expect(await scene.denoises()).toBe(true);
  });
});
