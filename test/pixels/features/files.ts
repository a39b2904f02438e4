import { equal, forced, refused, warned, type Feature } from '../feature';

const FOUR_FIVE = { from: [4, 5] } as const;

/** Files that are present, or that the picture does not need. */
export const PRESENT: readonly Feature[] = [
  equal('names-odd', { file: "shot #1 50% v1.2 + ü & it's 雪.blend" }),
  equal('image-sequence', { flags: ['-f', '1'] }),
  equal('image-movie', { flags: ['--frames', '4-5'] }),
  equal('tiles'),
  equal('tile-unreached'),
  equal('image-views'),
  equal('missing-unused'),
  equal('missing-not-drawn'),
  equal('data-files'),
  equal('alembic', FOUR_FIVE),
  equal('import-node', FOUR_FIVE),
  equal('libraries'),
  equal('library-other-scene'),
  equal('library-packed', { from: [5, 0] }),
];

/** Files that the picture needs, and that are missing or damaged; and what else is refused. */
export const MISSING: readonly Feature[] = [
  forced('image-missing', 'image-missing', 1),
  forced('name-decomposed', 'unicode-form', 1),
  forced('image-empty', 'image-missing', 1),
  forced('image-truncated', 'image-missing', 1),
  warned('image-sequence-gap', 'image-missing', 1),
  warned('udim-tile-missing', 'image-missing', 1),
  forced('compositor-image-missing', 'image-missing', 1),
  forced('mesh-cache-missing', 'mesh-cache-missing', 1),
  forced('disk-cache-missing', 'point-cache-missing', 1),
  warned('disk-cache-partial', 'point-cache-missing', 4),
  forced('volume-missing', 'volume-missing', 1),
  forced('ies-missing', 'ies-missing', 1),
  forced('font-missing', 'font-missing', 1),
  warned('texture-sequence-gap', 'image-missing', 1),
  warned('alembic-missing', 'cache-file-missing', 1, FOUR_FIVE),
  warned('import-node-missing', 'import-missing', 1, FOUR_FIVE),
  forced('nodes-bake-missing', 'bake-missing', 1, FOUR_FIVE),
  forced('library-missing', 'library-missing', 1),
  forced('library-object-missing', 'library-data-missing', 1),
  forced('library-newer', 'library-newer', 0, { says: 'was saved by Blender' }),
  forced('engine-unknown', 'engine-unknown', 0),
  refused('camera-missing', 'no-camera'),
];
