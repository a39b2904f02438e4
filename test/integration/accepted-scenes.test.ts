import { makeScene } from '../support/blender';
import { fewOrAll } from '../support/heavy';
import { differences, renderFrames, renderPlainly } from '../support/plain-blender';
import { useScratchFolder } from '../support/scratch-folder';

jest.setTimeout(300_000);

const at = useScratchFolder();

const SCENES = {
  'a sequencer film with a render region that is not cropped': `
scene.frame_end = 2
strip = scene.sequence_editor_create().sequences.new_effect('Red', 'COLOR', 1, 1, frame_end=5)
strip.color = (1, 0, 0)
scene.render.use_border = True
scene.render.border_min_x, scene.render.border_max_x = 0.25, 0.75`,
  'a scene without a camera that only composites another one': `
scene.name = 'Shot'
comp = bpy.data.scenes.new('Comp')
comp.render.engine, comp.frame_end = 'CYCLES', 2
comp.render.resolution_x, comp.render.resolution_y = 64, 48
comp.use_nodes = True
tree = comp.node_tree
tree.nodes['Render Layers'].scene = scene
bpy.context.window.scene = comp`,
};

// A scene of test/pixels is like the other.
test.each(fewOrAll('pixels', Object.entries(SCENES), (_, index) => index === 1))(
  '%s renders as in Blender',
  async (_name, lines) => {
    const file = await makeScene(at('scene.blend'), lines);
    const plain = await renderPlainly(file, at('plain'));
    expect(differences(await renderFrames(file, at('out')), plain)).toEqual({ '0001.png': 0, '0002.png': 0 });
  },
);
