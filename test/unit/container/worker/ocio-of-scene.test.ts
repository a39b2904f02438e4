import { ocioOfScene } from '../../../../container/worker/ocio-of-scene';

const dependencies = [{ path: 'film/colors/config.ocio', url: 's3://films/x', size: 1 }];
const plan = (ocio: string | undefined, url: string) => ({
  options: ocio === undefined ? {} : { ocio },
  source: { url, etag: 'e', size: 1 },
  scenePath: 'film/shots/shot.blend',
  dependencies,
});
const PLACED = '/scratch/scene/film/shots/shot.blend';

test('ocioOfScene returns the configuration that was placed beside the scene', () => {
  const ocio = ocioOfScene(plan('//../colors/config.ocio', 's3://films/shot.blend'), PLACED);
  expect(ocio).toBe('/scratch/scene/film/colors/config.ocio');
});

test('ocioOfScene refuses a configuration that was not placed', () => {
  const find = () => ocioOfScene(plan('//../../../other.ocio', 's3://films/shot.blend'), PLACED);
  expect(find).toThrow('the plan lacks the OCIO configuration //../../../other.ocio');
});

test('ocioOfScene uses a configuration of this machine in place', () => {
  expect(ocioOfScene(plan('//../c.ocio', '/home/film/shot.blend'), '/home/film/shot.blend')).toBe(
    '/home/c.ocio',
  );
});

test('ocioOfScene returns the name of a built-in configuration', () => {
  expect(ocioOfScene(plan('ocio://default', 's3://films/shot.blend'), PLACED)).toBe('ocio://default');
  expect(ocioOfScene(plan(undefined, 's3://films/shot.blend'), PLACED)).toBeUndefined();
});
