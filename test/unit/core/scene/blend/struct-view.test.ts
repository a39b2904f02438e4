import { ByteWindow } from '../../../../../core/scene/blend/bytes';
import { type Block, parseBlendHeader } from '../../../../../core/scene/blend/header';
import { Sdna, walkBlocks } from '../../../../../core/scene/blend/sdna';
import { StructView } from '../../../../../core/scene/blend/struct-view';
import {
  BLENDER_3_4,
  type BlendShape,
  BlendWriter,
  type StructTable,
} from '../../../../support/blend-writer';
import { bytesSource } from '../../../../support/counting-source';

const STRUCTS: StructTable = {
  Vec: ['short x', 'short y'],
  Item: ['Item *next', 'Vec at', 'char name[8]', 'Mat *mats[3]', 'int data[2]'],
};

async function open(writer: BlendWriter): Promise<{ window: ByteWindow; sdna: Sdna; block: Block }> {
  const bytes = writer.end();
  const header = parseBlendHeader(bytes);
  const window = new ByteWindow(bytesSource(bytes));
  const blocks: Block[] = [];
  await walkBlocks(window, header, header.length, (block) => void blocks.push(block));
  const dna = blocks.find(({ code }) => code === 'DNA1')!;
  const sdna = new Sdna(await window.read(dna.dataOffset, dna.length), header, dna.dataOffset);
  return { window, sdna, block: blocks[0]! };
}

describe.each<[string, BlendShape]>([
  ['64-bit, little-endian', BLENDER_3_4],
  ['32-bit, big-endian', { ...BLENDER_3_4, pointerBytes: 4, littleEndian: false, version: 249 }],
])('StructView of a %s file', (_, shape) => {
  const writer = (): BlendWriter => new BlendWriter(shape, STRUCTS);
  const item = (name: string, next: bigint): Buffer =>
    writer().structBytes('Item', { name, next, 'at.y': -7, mats: 0x21n });
  const two = (): BlendWriter =>
    writer().block('DATA', Buffer.concat([item('one', 0x11n), item('zwölf', 0x12n)]), { sdnaIndex: 1 });

  test('reads one struct of an array by its index', async () => {
    const { window, sdna, block } = await open(two());
    const texts = [];
    for (const index of [0, 1]) {
      const view = await StructView.readAt(window, sdna, block, 'Item', index);
      texts.push([view.text('name'), view.pointer('next'), view.integer('at.y')]);
    }
    expect(texts).toEqual([
      ['one', 0x11n, -7],
      ['zwölf', 0x12n, -7],
    ]);
    for (const index of [2, -1, 1e15]) {
      const past = StructView.readAt(window, sdna, block, 'Item', index);
      await expect(past).rejects.toMatchObject({ code: 'bad-block' });
    }
  });

  test('returns bytes of members of any type, and pointers of an array', async () => {
    const { window, sdna, block } = await open(two());
    const view = await StructView.read(window, sdna, block, 'Item');
    expect(Buffer.from(view.bytes('name')!).toString('latin1')).toBe('one\0\0\0\0\0');
    expect(view.bytes('at')).toHaveLength(4);
    expect(view.bytes('mats')).toHaveLength(3 * shape.pointerBytes);
    expect(view.bytes('data')).toHaveLength(8);
    expect(view.bytes('gone')).toBeUndefined();
    expect([0, 1, 2, 3, -1].map((index) => view.pointer('mats', index))).toEqual([
      0x21n,
      ...[0n, 0n],
      undefined,
      undefined,
    ]);
  });
});
