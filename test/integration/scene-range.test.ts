import { makeScene } from '../support/blender';
import { fewOrAll } from '../support/heavy';
import { differences, renderFrames, renderPlainly } from '../support/plain-blender';
import { useScratchFolder } from '../support/scratch-folder';

jest.setTimeout(300_000);

const at = useScratchFolder();

const EQUAL = { '0001.png': 0, '0002.png': 0, '0003.png': 0 };

const SCENES = {
  'a driver that reads the range': `
scene.frame_end = 3
driver = bpy.data.objects['Cube'].driver_add('scale', 0).driver
for name, path in (('a', 'frame_start'), ('b', 'frame_end')):
    variable = driver.variables.new()
    variable.name, variable.type = name, 'SINGLE_PROP'
    target = variable.targets[0]
    target.id_type, target.id, target.data_path = 'SCENE', scene, path
driver.expression = '(frame - a) / (b - a) * 2 + 0.1'`,
  'a burned-in frame number': `
scene.frame_end = 3
scene.render.resolution_x, scene.render.resolution_y = 160, 90
for name in ('date', 'time', 'render_time', 'memory', 'hostname'):
    setattr(scene.render, f'use_stamp_{name}', False)
scene.render.use_stamp = scene.render.use_stamp_frame_range = True`,
  'cameras that markers switch': `
scene.frame_end = 3
other = scene.camera.copy()
other.location.x += 1
scene.collection.objects.link(other)
for frame, camera in ((1, scene.camera), (3, other)):
    scene.timeline_markers.new('m', frame=frame).camera = camera`,
};

test.each(fewOrAll('worker', Object.entries(SCENES), (_, index) => index === 0))(
  'a frame with %s is what Blender renders',
  async (name, lines) => {
    const file = await makeScene(at(`${name.replaceAll(' ', '-')}.blend`), lines);
    const plain = await renderPlainly(file, at('plain'));
    expect(differences(await renderFrames(file, at('out'), '-f', '3'), plain)).toEqual(EQUAL);
  },
);
