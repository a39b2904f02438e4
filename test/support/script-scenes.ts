import { dirname, join } from 'node:path';
import { blender, makeScene } from './blender';
import { payloadScene } from './payload-scene';

/** The text that `PAYLOAD` prints if it runs. `PAYLOAD` holds it in two halves, as Blender prints names, too. */
export const RAN = 'HOSTILE SCRIPT RAN';

/** Python that says that it runs. */
export const PAYLOAD = "print('HOSTILE SCRIPT' + ' RAN', flush=True)\n";

/** Becomes a call of `eval` in the line of Python that Blender 3.4 writes the name of a line set into. */
const EVIL_NAME = `\\'+str(print("HOSTILE SCRIPT"+" RAN")))#`;

const EDITOR = `
scene.frame_end = 1
scene.render.use_freestyle = True
settings = scene.view_layers[0].freestyle_settings
settings.mode = 'EDITOR'
lineset = settings.linesets[0] if settings.linesets else settings.linesets.new('Lines')
`;

const RELATIVE = `
bpy.ops.wm.save_as_mainfile(filepath=PATH)
bpy.ops.file.make_paths_relative()
`;

/** Makes a scene of `lines` that links what `take` names from the library beside it, which it calls by a relative path. */
function linking(path: string, library: string, take: string, lines: string): Promise<string> {
  return makeScene(
    path,
    `
PATH = ${JSON.stringify(path)}
with bpy.data.libraries.load(${JSON.stringify(library)}, link=True) as (_, taken):
    ${take}
${lines}
${RELATIVE}
`,
  );
}

/** Each makes a scene of one frame, and its library beside it, that runs `PAYLOAD` in Blender 3.4 though scripts are off. */
export const BYPASSES: Readonly<Record<string, (path: string) => Promise<string>>> = {
  'a Freestyle style module': (path) => payloadScene(path, PAYLOAD, 1),
  'a style module whose text is linked from a library': async (path) => {
    const library = join(dirname(path), 'lib.blend');
    await makeScene(
      library,
      `text = bpy.data.texts.new('style'); text.use_fake_user = True; text.write(${JSON.stringify(PAYLOAD)})`,
    );
    const lines = `
scene.frame_end = 1
scene.render.use_freestyle = True
settings = scene.view_layers[0].freestyle_settings
settings.mode = 'SCRIPT'
settings.modules.new().script = bpy.data.texts['style']
`;
    return linking(path, library, "taken.texts = ['style']", lines);
  },
  'a scene that is linked from a library and rendered by the compositor': async (path) => {
    const library = join(dirname(path), 'lib.blend');
    await payloadScene(library, PAYLOAD, 1);
    await blender([
      library,
      '--python-expr',
      "import bpy; bpy.context.scene.name = 'Evil'; bpy.ops.wm.save_mainfile()",
    ]);
    const lines = `
scene.frame_end = 1
scene.use_nodes = True
tree = scene.node_tree
node = tree.nodes.new('CompositorNodeRLayers')
node.scene = bpy.data.scenes['Evil']
mix = tree.nodes.new('CompositorNodeMixRGB')
tree.links.new(tree.nodes['Render Layers'].outputs['Image'], mix.inputs[1])
tree.links.new(node.outputs['Image'], mix.inputs[2])
tree.links.new(mix.outputs['Image'], tree.nodes['Composite'].inputs['Image'])
`;
    return linking(path, library, "taken.scenes = ['Evil']", lines);
  },
  'the name of a line set': (path) =>
    makeScene(path, `${EDITOR}lineset.name = ${JSON.stringify(EVIL_NAME)}\n`),
  'the name of a view layer': (path) =>
    makeScene(path, `${EDITOR}scene.view_layers[0].name = ${JSON.stringify(EVIL_NAME)}\n`),
};

/** Makes a scene whose Freestyle draws by its parameter editor: lines, and nothing of the file runs. */
export function editorScene(path: string): Promise<string> {
  return makeScene(path, `${EDITOR}lineset.name = "Ann's lines"\n`);
}

/** Lines of a scene that has what runs where scripts are allowed: a registered text, a driver and a Script node. */
export const OTHER_SCRIPTS = `
text = bpy.data.texts.new('rig.py')
text.use_module = True
text.write(${JSON.stringify(PAYLOAD)})
cube = bpy.data.objects['Cube']
driver = cube.driver_add('location', 0).driver
driver.type = 'SCRIPTED'
driver.expression = '[0][0] + len([x for x in ()])'
material = cube.data.materials[0]
material.use_nodes = True
material.node_tree.nodes.new('ShaderNodeScript')
`;

/** Makes a scene that links the cube of a library that has `OTHER_SCRIPTS`. */
export async function scriptsInLibrary(path: string): Promise<string> {
  const library = join(dirname(path), 'lib.blend');
  await makeScene(library, OTHER_SCRIPTS);
  return linking(
    path,
    library,
    "taken.objects = ['Cube']",
    'scene.collection.objects.link(taken.objects[0])',
  );
}

/** Lines that take away what runs: plain Blender then renders what Spotreel has to render. */
export const WITHOUT_MODULES = `
import bpy
for scene in bpy.data.scenes:
    for layer in scene.view_layers:
        modules = layer.freestyle_settings.modules
        for module in list(modules):
            modules.remove(module)
        for lineset in layer.freestyle_settings.linesets:
            lineset.name = 'Lines'
        layer.name = 'Layer'
`;
