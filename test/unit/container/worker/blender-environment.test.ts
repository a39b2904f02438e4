import { blenderEnvironment } from '../../../../container/worker/blender-environment';

test("nothing of AWS, and nothing that was not asked for, is in Blender's environment", () => {
  const environment = {
    PATH: '/usr/bin',
    LANG: 'C.UTF-8',
    HOME: '/root',
    AWS_ACCESS_KEY_ID: 'x',
    AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/x',
    SPOTREEL_BLENDER: '/opt/blender',
    GITHUB_TOKEN: 'x',
  };
  expect(blenderEnvironment(environment, '/scratch')).toEqual({
    PATH: '/usr/bin',
    LANG: 'C.UTF-8',
    HOME: '/scratch',
    TMPDIR: '/scratch',
  });
});
