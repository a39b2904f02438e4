import { findProgram, programEnvironment } from '../../../../container/worker/programs';

test('findProgram says how to correct or unset a variable that names no program', () => {
  expect(() => findProgram('blender', { SPOTREEL_BLENDER: '/nope', PATH: '/usr/bin' })).toThrow(
    /^SPOTREEL_BLENDER is \/nope, which cannot be run; correct it, or run "unset SPOTREEL_BLENDER"/,
  );
});

test('the environment of a program has only requested variables and none of AWS', () => {
  const environment = {
    PATH: '/usr/bin',
    LANG: 'C.UTF-8',
    HOME: '/root',
    AWS_ACCESS_KEY_ID: 'x',
    AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/x',
    SPOTREEL_BLENDER: '/opt/blender',
    GITHUB_TOKEN: 'x',
    NVIDIA_VISIBLE_DEVICES: '0',
  };
  expect(programEnvironment(environment, '/scratch')).toEqual({
    PATH: '/usr/bin',
    LANG: 'C.UTF-8',
    NVIDIA_VISIBLE_DEVICES: '0',
    HOME: '/scratch',
    TMPDIR: '/scratch',
  });
});
