import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { readExrHeaders } from '../../container/worker/frames/exr';
import { blender, makeScene } from '../support/blender';
import { frameFiles, onlyRender } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import { type Finished, spotreel } from '../support/spotreel';

jest.setTimeout(240_000);

const at = useScratchFolder();

/** A compositor whose File Output nodes write below `folder`: two of one name, one of layers, one in a group, one muted. */
const nodes = (folder: string): string => `
scene.use_nodes = True
tree = scene.node_tree
layers = tree.nodes['Render Layers']
invert = tree.nodes.new('CompositorNodeInvert')
tree.links.new(layers.outputs['Image'], invert.inputs['Color'])
def output(tree, source, name, base, slots, file_format='PNG'):
  node = tree.nodes.new('CompositorNodeOutputFile')
  node.label, node.base_path = name, ${JSON.stringify(folder)} + base
  node.format.file_format = file_format
  node.file_slots.clear()
  for slot in slots:
    node.file_slots.new(slot)
  for socket in node.inputs:
    if socket.name != 'not linked':
      tree.links.new(source, socket)
  return node
output(tree, invert.outputs[0], 'Übergabe: 1', '/plain/', ['Image', 'not linked'])
output(tree, layers.outputs['Depth'], 'Übergabe: 1', '/depth/', ['sub/z_##_end'], 'TIFF')
output(tree, invert.outputs[0], 'Layers', '/layers/all_', ['A', 'B'], 'OPEN_EXR_MULTILAYER')
output(tree, invert.outputs[0], 'Hostile', '/hostile/', ['../../up', '/abs/x'])
output(tree, invert.outputs[0], 'Muted', '/muted/', ['Image']).mute = True
group = bpy.data.node_groups.new('Group', 'CompositorNodeTree')
group.inputs.new('NodeSocketColor', 'Image')
output(group, group.nodes.new('NodeGroupInput').outputs[0], 'Grouped', '', ['Image'], 'JPEG').base_path = '//own/group/'
user = tree.nodes.new('CompositorNodeGroup')
user.node_tree = group
tree.links.new(layers.outputs['Image'], user.inputs[0])
scene.view_layers[0].use_pass_z = True
`;

/** Where a node of `nodes` writes in Blender itself, and where Spotreel keeps it. */
const KEPT: ReadonlyArray<readonly [string, string]> = [
  ['plain/Image0003.png', 'Übergabe__1/Image0003.png'],
  ['depth/sub/z_03_end.tif', 'Übergabe__1-2/sub/z_03_end.tif'],
  ['layers/all_0003.exr', 'Layers/all_0003.exr'],
  ['hostile/abs/x0003.png', 'Hostile/abs/x0003.png'],
  ['group/Image0003.jpg', 'Grouped/Image0003.jpg'],
];

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return paths.filter((path) => statSync(join(folder, path)).isFile()).toSorted();
}

/** Of PNG the samples, of OpenEXR the chunks with all layers, else the bytes: its header can hold dates. */
function pixelsOf(path: string): Buffer {
  const bytes = readFileSync(path);
  if (path.endsWith('.png')) return PNG.sync.read(bytes, { skipRescale: true }).data;
  if (!path.endsWith('.exr')) return bytes;
  const { end } = readExrHeaders(bytes);
  return bytes.subarray(Number(bytes.readBigUInt64LE(end)));
}

describe('a render with files of File Output nodes', () => {
  let folder: string;
  let out: string;
  let result: Finished;
  let [before, after]: string[][] = [[], []];
  const own = (...names: string[]): string => join(folder, 'own', ...names);
  const place = (): string[] => ['-o', join(folder, 'out')];
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'spotreel test '));
    const scene = await makeScene(join(folder, 'shot.blend'), nodes(own()));
    await blender([scene, '-o', join(folder, 'png', '####'), '-s', '3', '-e', '4', '-a']);
    before = filesBelow(own());
    const flags = ['--frames', '3,4', '-f', '2', '--video', 'none'];
    result = await spotreel(['render', scene, ...place(), ...flags]);
    after = filesBelow(own());
    out = onlyRender(join(folder, 'out'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('files of File Output nodes equal those of Blender itself, below outputs/', () => {
    expect({ exitCode: result.exitCode, stderr: result.stderr }).toMatchObject({ exitCode: 0 });
    expect(after).toEqual(before);
    expect(frameFiles(out)).toEqual(['0003.png', '0004.png']);
    const kept = filesBelow(join(out, 'outputs'));
    expect(kept.filter((path) => path.includes('3'))).toEqual(
      [...KEPT.map(([, path]) => path), 'Hostile/up0003.png'].toSorted(),
    );
    expect(kept).toHaveLength(12);
    for (const [theirs, ours] of KEPT) {
      const [mine, reference] = [pixelsOf(join(out, 'outputs', ours)), pixelsOf(own(theirs))];
      expect(mine.length).toBeGreaterThan(100);
      expect(mine.equals(reference)).toBe(true);
    }
  });

  test('has them from status to delete', async () => {
    const id = out.split('/').at(-1)!;
    const status = await spotreel(['status', id, ...place(), '--json']);
    const names = ['Grouped', 'Hostile', 'Layers', 'Übergabe__1', 'Übergabe__1-2'];
    expect(JSON.parse(status.stdout)).toMatchObject({ outputs: names });
    expect((await spotreel(['status', id, ...place()])).stdout).toContain('outputs/Grouped, outputs/Hostile');
    expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain(
      '<a href="outputs/Layers/">outputs/Layers</a>',
    );
    expect((await spotreel(['download', id, at('here'), ...place()])).exitCode).toBe(0);
    expect(filesBelow(at('here/outputs'))).toEqual(filesBelow(join(out, 'outputs')));
    expect((await spotreel(['download', id, at('some'), ...place(), '--frames', '4'])).exitCode).toBe(0);
    expect(filesBelow(at('some/outputs'))).toHaveLength(6);
    expect((await spotreel(['delete', id, ...place(), '--yes'])).exitCode).toBe(0);
    expect(existsSync(join(out, 'outputs'))).toBe(false);
  });
});

test('a scene without File Output nodes has no outputs/', async () => {
  const scene = await makeScene(at('shot.blend'), '');
  expect(
    (await spotreel(['render', scene, '-o', at('out'), '--frames', '1', '--video', 'none'])).exitCode,
  ).toBe(0);
  expect(existsSync(join(onlyRender(at('out')), 'outputs'))).toBe(false);
});
