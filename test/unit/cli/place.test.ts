import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findRender, findSource, ocioOption, placeFlags } from '../../../cli/place';
import { FileStorage } from '../../../core/storage/file-storage';
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

describe('without such a file or render', () => {
  let folder: string;
  const storage = new FileStorage();
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'spotreel-place-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test('findSource suggests the file with the ending .blend', async () => {
    writeFileSync(join(folder, 'clock.blend'), '');
    await expect(findSource(join(folder, 'clock'), storage)).rejects.toThrow(
      `there is no file ${join(folder, 'clock')}: give clock.blend, which is in the same folder`,
    );
  });

  test('findRender suggests to list the renders of the same place', async () => {
    const output = parseLocation(`${folder}/`, '/');
    await expect(findRender('shot-1', { output }, storage)).rejects.toThrow(
      `run "spotreel list -o ${folder}/" to list renders`,
    );
  });

  test('findRender does not suggest to list a missing folder', async () => {
    const output = parseLocation(`${folder}/none/`, '/');
    await expect(findRender('shot-1', { output }, storage)).rejects.toThrow(
      `there is no folder ${folder}/none/: check the path, or name another place with -o or --farm`,
    );
  });
});

test.each([
  [`${process.cwd()}/renders/`, ''],
  ['/films/out/', ' -o /films/out/'],
  ["/it's here/", String.raw` -o '/it'\''s here/'`],
  ['s3://bucket/renders/', ' -o s3://bucket/renders/'],
])('placeFlags names %s for a shell', (place, flags) => {
  expect(placeFlags(parseLocation(place, '/'))).toBe(flags);
});
