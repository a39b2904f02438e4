import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { sandboxed, whyNoSandbox } from '../../container/worker/programs';
import { blender, makeScene } from '../support/blender';
import { onlyRender } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import { spotreel } from '../support/spotreel';

jest.setTimeout(120_000);

const at = useScratchFolder();

test('SPOTREEL_SANDBOX=off starts the command unchanged', () => {
  const off = { ...process.env, SPOTREEL_SANDBOX: 'off' };
  expect(sandboxed(['blender', '-b'], { write: [at()] }, off)).toEqual(['blender', '-b']);
  expect(whyNoSandbox(off)).toContain('SPOTREEL_SANDBOX is off');
});

/** A text block that Blender runs when it opens the file, a driver that calls Python, and a File Output node. */
const hostile = (folder: string) => `
text = bpy.data.texts.new('run.py')
text.use_module = True
text.from_string('''
import bpy
open(r"${folder}/script-ran", "w")
bpy.app.driver_namespace["take"] = lambda: open(r"${folder}/driver-ran", "w") and 0
''')
driver = bpy.data.objects['Cube'].driver_add('location', 0).driver
driver.type = 'SCRIPTED'
driver.expression = 'take()'
scene.use_nodes = True
tree = scene.node_tree
output = tree.nodes.new('CompositorNodeOutputFile')
output.base_path = ${JSON.stringify(`${folder}/file-output`)}
tree.links.new(tree.nodes['Render Layers'].outputs['Image'], output.inputs[0])
`;

test('a hostile scene writes nothing outside of its render', async () => {
  const traces = ['script-ran', 'driver-ran', 'file-output'];
  mkdirSync(at('loot'));
  const scene = await makeScene(at('hostile.blend'), hostile(at('loot')));
  const { exitCode, stderr } = await spotreel(['render', scene, '-o', at('out'), '--frames', '1']);
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  expect(existsSync(join(onlyRender(at('out')), 'frames/0001.png'))).toBe(true);
  for (const name of traces)
    expect({ name, there: existsSync(at('loot', name)) }).toEqual({ name, there: false });
  // Without Spotreel the scene does write there, so it is as hostile as intended.
  await blender(['-y', scene, '-o', at('own-####'), '-f', '1']);
  for (const name of traces)
    expect({ name, there: existsSync(at('loot', name)) }).toEqual({ name, there: true });
});
