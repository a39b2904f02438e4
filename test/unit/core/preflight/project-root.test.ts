import {
  mayNeed,
  projectRootOf,
  watchRootOf,
  type ProjectRoot,
} from '../../../../core/preflight/project-root';

test.each<[string, string, ProjectRoot['reach']]>([
  ['memory://films/uploads/film/shot.blend', 'memory://films/uploads/film/', 'folder'],
  ['memory://films/uploads/film/shots/010/shot.blend', 'memory://films/uploads/film/', 'folder'],
  ['s3://films/uploads/a%20b/shot.blend', 's3://films/uploads/a%20b/', 'folder'],
  ['s3://films/uploads/submitted/0123/shot.blend', 's3://films/uploads/submitted/0123/', 'folder'],
  ['memory://films/scenes/film/shot.blend', 'memory://films/scenes/film/', 'folder'],
  ['memory://films/uploads/shot.blend', 'memory://films/uploads/', 'scene'],
  ['s3://films/uploads/submitted/shot.blend', 's3://films/uploads/submitted/', 'scene'],
  ['memory://films/shot.blend', 'memory://films/', 'scene'],
  ['file:///home/anna/shot.blend', 'file:///', 'disk'],
])('the project of %s is %s, with the reach "%s"', (scene, url, reach) => {
  const root = projectRootOf(new URL(scene));
  expect({ ...root, url: root.url.href }).toEqual({ url, reach });
});

test('a watch folder has the projects of a bucket', () => {
  const directory = new URL('file:///home/anna/farm/');
  const film = watchRootOf(directory, 'uploads/film/shot.blend');
  expect(film).toEqual({ url: new URL('uploads/film/', directory), reach: 'folder', inPlace: true });
  expect(watchRootOf(directory, 'uploads/shot.blend').reach).toBe('scene');
});

const SUBMITTED = 's3://films/uploads/submitted/0123456789abcdef';

test.each<[string, string, boolean]>([
  ['s3://films/uploads/film/shot.blend', 's3://films/uploads/film/wood.png', true],
  ['s3://films/uploads/film/shot.blend', 's3://films/uploads/film2/wood.png', false],
  ['s3://films/uploads/film/shot.blend', 's3://films/uploads/other/wood.png', false],
  ['s3://films/uploads/film/shot.blend', 's3://films/renders/shot-1/frames/0001.png', false],
  ['s3://films/uploads/film/shot.blend', 's3://others/uploads/film/wood.png', false],
  ['s3://films/uploads/film/shot.blend', 'file:///uploads/film/wood.png', false],
  ['s3://films/uploads/shot.blend', 's3://films/uploads/wood.png', false],
  [`${SUBMITTED}/shot.blend`, 's3://films/uploads/submitted/fedcba9876543210/wood.png', true],
  [`${SUBMITTED}/shot.blend`, 's3://films/uploads/film/wood.png', false],
])('the plan of %s may name %s: %s', (scene, file, may) => {
  expect(mayNeed(new URL(scene), new URL(file))).toBe(may);
});
