import { BLENDER_3_4, BlendWriter, STRUCTS } from './blend-writer';

const TABLE = {
  ...STRUCTS,
  Object: ['ID id', 'short type', 'short pad[3]'],
  CollectionObject: ['CollectionObject *next', 'Object *ob'],
};

const SETTINGS = {
  'r.frs_sec': 24,
  'r.frs_sec_base': 1,
  'r.sfra': 1,
  'r.efra': 4,
  'r.frame_step': 1,
  'r.size': 100,
  'r.xsch': 64,
  'r.ysch': 48,
  'r.im_format.imtype': 17,
  'r.engine': 'CYCLES',
};

/** `OB_CAMERA`. */
const CAMERA = 11;

/** A .blend whose scene has these cameras and 4 frames. */
export function sceneWithCameras(...names: readonly string[]): Buffer {
  const writer = new BlendWriter(BLENDER_3_4, TABLE).scene('Scene', SETTINGS, { address: 1n });
  for (const i of names.keys()) writer.struct('DATA', 'CollectionObject', { ob: BigInt(10 + i) });
  for (const [i, name] of names.entries())
    writer.struct('OB', 'Object', { 'id.name': `OB${name}`, type: CAMERA }, { address: BigInt(10 + i) });
  return writer.end();
}
