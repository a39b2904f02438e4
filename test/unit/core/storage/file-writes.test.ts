import os from 'node:os';
import { cacheFolder } from '../../../../core/storage/file-writes';

describe('cacheFolder', () => {
  afterEach(() => jest.restoreAllMocks());

  test.each([
    ['linux', { HOME: '/home/ann' }, '/home/ann/.cache/spotreel'],
    ['darwin', { HOME: '/Users/ann' }, '/Users/ann/Library/Caches/spotreel'],
    ['linux', { HOME: '/home/ann', XDG_CACHE_HOME: '/fast' }, '/fast/spotreel'],
    ['linux', { HOME: '/home/ann', XDG_CACHE_HOME: 'relative' }, '/home/ann/.cache/spotreel'],
  ] as const)('on %s with %j is %s', (platform, environment, folder) => {
    expect(cacheFolder(environment, platform)).toBe(folder);
  });

  test.each([
    ['', {}],
    ['relative', {}],
    ['/home/ann', { HOME: '' }],
  ])('with the home %j of the system and the variables %j is unknown', (home, environment) => {
    jest.spyOn(os, 'homedir').mockReturnValue(home);
    expect(cacheFolder(environment, 'linux')).toBeUndefined();
  });

  test('is unknown for a user id without a name', () => {
    jest.spyOn(os, 'homedir').mockImplementation(() => {
      throw new Error('uv_os_homedir returned ENOENT');
    });
    expect(cacheFolder({}, 'linux')).toBeUndefined();
  });
});
