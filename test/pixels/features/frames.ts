import { equal, type Feature } from '../feature';

/** Blender only renders what was played or baked before, so an artist plays a simulation first. */
const PLAYED = {
  plainly:
    's = bpy.context.scene; [s.frame_set(f) for f in range(s.frame_start, s.frame_end + 1)]; s.frame_set(s.frame_start)',
};
/** Every frame but the first is rendered with kept data; plain Blender keeps none. */
const KEPT = { flags: ['--persistent-data', 'on'] };
const MIDDLE = { flags: ['--frames', '6-7'], ...PLAYED };

/** How frames are chosen, timed, framed and sampled, and what needs the frames before. */
export const FRAMES: readonly Feature[] = [
  equal('still', { flags: ['--frames', '2'] }),
  equal('driver-range'),
  equal('burned-in-metadata'),
  equal('negative-frames'),
  equal('frame-step'),
  equal('time-remapping'),
  equal('motion-blur'),
  equal('camera-markers', { flags: ['-f', '2'] }),
  equal('camera-option', {
    flags: ['--camera', 'Near'],
    plainly: 'bpy.context.scene.camera = bpy.data.objects["Near"]',
  }),
  equal('region-cropped'),
  equal('region-uncropped'),
  equal('pixel-aspect'),
  equal('sampling', { flags: ['-f', '1'] }),
  equal('persistent-data'),
  equal('kept-camera', KEPT),
  equal('kept-objects', KEPT),
  equal('kept-everything', KEPT),
  equal('kept-changes', KEPT),
  equal('other-scene', { scene: 'Second ✓' }),
  equal('rigid-body', MIDDLE),
  equal('cloth', MIDDLE),
  equal('soft-body', MIDDLE),
  equal('particles', MIDDLE),
  equal('dynamic-paint', MIDDLE),
  equal('simulation-zone', { ...MIDDLE, from: [4, 5] }),
  equal('simulation-step', PLAYED),
  equal('simulation-played', MIDDLE),
  equal('disk-cache', MIDDLE),
];
