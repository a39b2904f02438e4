import { ocioOption } from '../../../cli/place';
import { fileUrl, parseLocation } from '../../../core/storage/storage';

const scene = fileUrl('/films/one/shot.blend');
const stored = parseLocation('s3://films/uploads/one/shot.blend', '/');

test.each([
  ['/films/colors/config.ocio', scene, '//../colors/config.ocio'],
  ['/films/one/config.ocio', scene, '//config.ocio'],
  ['//colors/studio.OCIOZ', scene, '//colors/studio.OCIOZ'],
  ['ocio://default', scene, 'ocio://default'],
  ['colors/config.ocio', stored, '//colors/config.ocio'],
  ['./config.ocio', stored, '//config.ocio'],
])('--ocio %s for %s is the option %s', (flag, url, ocio) => {
  expect(ocioOption(flag, url)).toEqual({ ocio });
});

test.each(['', 'colors', 'config.txt', 'ocio://a/b'])('--ocio "%s" is refused', (flag) => {
  expect(() => ocioOption(flag, scene)).toThrow(`--ocio ${flag} is invalid: give a .ocio or .ocioz file`);
});

test('OCIO replaces a missing --ocio for scenes of this machine', () => {
  const OCIO = '/films/colors/config.ocio';
  expect(ocioOption(undefined, scene, { OCIO })).toEqual({ ocio: '//../colors/config.ocio' });
  expect(ocioOption('/films/other.ocio', scene, { OCIO })).toEqual({ ocio: '//../other.ocio' });
  expect(ocioOption(undefined, stored, { OCIO })).toEqual({});
  expect(ocioOption(undefined, scene, { OCIO: '/films/config.yaml' })).toEqual({});
  expect(ocioOption(undefined, scene, {})).toEqual({});
});
