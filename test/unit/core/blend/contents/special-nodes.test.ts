import { CONTENTS_STRUCTS, ContentsWriter } from '../../../../support/blend-contents-writer';
import { BLENDER_3_4 } from '../../../../support/blend-writer';

const TABLE = {
  ...CONTENTS_STRUCTS,
  bNodeTree: ['ID id', 'char idname[64]'],
  bNode: ['bNode *next', 'char idname[62]', 'short flag'],
};

test('readBlendContents names types of node trees that are not Blender’s own, each once', async () => {
  const { addonTrees } = await new ContentsWriter(BLENDER_3_4, TABLE)
    .id('NT', 'bNodeTree', 'A', { idname: 'an_AnimationNodeTree' })
    .id('NT', 'bNodeTree', 'B', { idname: 'an_AnimationNodeTree' })
    .id('NT', 'bNodeTree', 'C', { idname: 'GeometryNodeTree' })
    .id('NT', 'bNodeTree', 'D')
    .read();
  expect(addonTrees).toEqual(['an_AnimationNodeTree']);
});

test('readBlendContents finds compositor nodes that denoise and are not muted', async () => {
  const { denoiseNodes } = await new ContentsWriter(BLENDER_3_4, TABLE)
    .id('SC', 'Scene', 'On')
    .data('bNode', { idname: 'CompositorNodeDenoise' })
    .id('SC', 'Scene', 'Muted')
    .data('bNode', { idname: 'CompositorNodeDenoise', flag: 1 << 9 })
    .read();
  expect(denoiseNodes).toEqual(['scene "On"']);
});
