import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { PNG } from 'pngjs';
import { blender, makeScene } from '../support/blender';
import { runsHeavy } from '../support/heavy';
import { manifestOf, onlyRender } from '../support/render-folder';
import { startS3Emulator } from '../support/s3-emulator';
import { useScratchFolder } from '../support/scratch-folder';
import { spotreel } from '../support/spotreel';

jest.setTimeout(180_000);

const at = useScratchFolder();
const [NFC, NFD] = ['tex/café.png'.normalize('NFC'), 'tex/café.png'.normalize('NFD')];
const ODD = "tex/a b+c#1 50% it's &ü.png";
const SCENE = "shot #1 50% + ü & it's.blend";

/** Three squares side by side, red, green and blue, each with a texture of its own. */
const squares = (paths: readonly string[]) => `
import os
scene.view_settings.view_transform = 'Standard'
scene.frame_end, scene.render.dither_intensity = 1, 0
camera = scene.camera
camera.location, camera.rotation_euler = (0, 0, 5), (0, 0, 0)
camera.data.type, camera.data.ortho_scale = 'ORTHO', 3
bpy.data.objects.remove(bpy.data.objects['Cube'])
folder = ${JSON.stringify(at())}
bpy.ops.wm.save_as_mainfile(filepath=os.path.join(folder, 'made.blend'))
for place, path in enumerate(${JSON.stringify(paths)}):
    picture = bpy.data.images.new('new', 4, 4)
    picture.pixels = [float(place == channel) if channel < 3 else 1.0 for channel in range(4)] * 16
    os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
    picture.filepath_raw, picture.file_format = os.path.join(folder, path), 'PNG'
    picture.save()
    picture = bpy.data.images.load(os.path.join(folder, path))
    picture.filepath = '//' + path
    bpy.ops.mesh.primitive_plane_add(size=0.9, location=(place - 1, 0, 0))
    material = bpy.data.materials.new('M')
    material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    nodes = [tree.nodes.new('ShaderNode' + name) for name in ('TexImage', 'Emission', 'OutputMaterial')]
    nodes[0].image = picture
    tree.links.new(nodes[0].outputs[0], nodes[1].inputs[0])
    tree.links.new(nodes[1].outputs[0], nodes[2].inputs[0])
    bpy.context.object.data.materials.append(material)
`;

/** The colours of the three squares. */
function coloursIn(file: string): string[] {
  const { data, width, height } = PNG.sync.read(readFileSync(file));
  return [1, 3, 5].map((sixth) => {
    const offset = 4 * (width * (height >> 1) + Math.floor((width * sixth) / 6));
    return data.toString('hex', offset, offset + 3);
  });
}

const COLOURS = ['ff0000', '00ff00', '0000ff'];

test('a farm renders files with unusual characters in their names', async () => {
  const paths = [NFC, ODD, 'tex/plain.png'];
  await makeScene(at(SCENE), squares(paths));
  const aws = await startS3Emulator();
  try {
    const objects = [SCENE, ...paths].map(
      (path) => [path === NFC ? NFD : path, readFileSync(at(path))] as const,
    );
    for (const [path, Body] of objects)
      await aws.client.send(new PutObjectCommand({ Bucket: aws.bucket, Key: `uploads/film/${path}`, Body }));
    const environment = {
      AWS_ENDPOINT_URL: aws.endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    };
    const scene = `s3://${aws.bucket}/uploads/film/${SCENE}`;
    const { exitCode, stderr } = await spotreel(['render', scene, '-o', at('out')], { environment });
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(stderr).not.toContain('unicode-form');
  } finally {
    await aws.stop();
  }
  const folder = onlyRender(at('out'));
  expect(coloursIn(join(folder, 'frames/0001.png'))).toEqual(COLOURS);
  const { dependencies = [] } = manifestOf(folder);
  expect(dependencies.map(({ path }) => path)).toContain(NFC);
});

if (runsHeavy('worker'))
  test('one machine renders files with unusual characters in their names', async () => {
    await makeScene(at(SCENE), squares(['linked/a.png', ODD, 'tex/plain.png']));
    mkdirSync(at('elsewhere'));
    renameSync(at('linked'), at('elsewhere/linked'));
    symlinkSync(at('elsewhere/linked'), at('linked'));
    const { exitCode, stderr } = await spotreel(['render', at(SCENE), '-o', at('out')]);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(coloursIn(join(onlyRender(at('out')), 'frames/0001.png'))).toEqual(COLOURS);
  });

if (runsHeavy('worker'))
  test('one machine reports a file of another Unicode form, which Blender would not find', async () => {
    const scene = await makeScene(at('shot.blend'), squares([NFC, ODD, 'tex/plain.png']));
    renameSync(at(NFC), at(NFD));
    expect(readdirSync(dirname(at(NFC)))).toContain(NFD.slice('tex/'.length));
    const refused = await spotreel(['render', scene, '-o', at('out')]);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain('has another Unicode form');
    const forced = await spotreel(['render', scene, '-o', at('out'), '--force']);
    expect(forced.exitCode).toBe(0);
    expect(forced.stderr).toContain(`rendered with 1 file missing (1 frame): //${NFC}`);
    await blender(['--factory-startup', scene, '-o', at('plain_####'), '-F', 'PNG', '-f', '1']);
    const frame = join(onlyRender(at('out')), 'frames/0001.png');
    expect(coloursIn(frame)).toEqual(coloursIn(at('plain_0001.png')));
    expect(coloursIn(frame)).toEqual(['ff00ff', ...COLOURS.slice(1)]);
  });
