import { makeScene } from '../support/blender';
import { fewOrAll } from '../support/heavy';
import { differences, renderFrames, renderPlainly } from '../support/plain-blender';
import { useScratchFolder } from '../support/scratch-folder';

jest.setTimeout(300_000);

const at = useScratchFolder();

const BAKE = `
bodies = scene.rigidbody_world
caches = [m.point_cache for o in scene.objects for m in o.modifiers if hasattr(m, 'point_cache')]
for cache in caches + ([bodies.point_cache] if bodies else []):
    cache.frame_end = scene.frame_end
bpy.ops.ptcache.bake_all(bake=True)`;

const START = `
scene.frame_end = 9
cube = bpy.data.objects['Cube']`;

const SIMULATIONS = {
  'rigid body': `${START}
bpy.context.view_layer.objects.active = cube
bpy.ops.rigidbody.world_add()
bpy.ops.rigidbody.object_add()`,
  cloth: `${START}
cube.modifiers.new('Cloth', 'CLOTH')`,
  'soft body that begins before the range': `${START}
cube.modifiers.new('Soft', 'SOFT_BODY').settings.use_goal = False
scene.frame_start = 5`,
};

// Scenes of test/pixels are like the others.
test.each(fewOrAll('pixels', Object.entries(SIMULATIONS), ([name]) => name === 'cloth'))(
  "a render from the middle of an unbaked %s equals Blender's render of a baked one",
  async (_name, lines) => {
    const file = await makeScene(at('unbaked.blend'), lines);
    const baked = await makeScene(at('baked.blend'), lines + BAKE);
    const plain = await renderPlainly(baked, at('plain'));
    const frames = await renderFrames(file, at('out'), '--frames', '6,8-9');
    expect(differences(frames, plain)).toEqual({ '0006.png': 0, '0008.png': 0, '0009.png': 0 });
  },
);
