import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { spotreel } from '../support/spotreel';

jest.setTimeout(180_000);

const at = useScratchFolder();
const CLOCK = join(ROOT, 'examples/clock.blend');

/** Neither credentials nor a network to ask for them. */
const NO_AWS = {
  AWS_ACCESS_KEY_ID: '',
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  AWS_REGION: 'eu-west-1',
  SPOTREEL_FARM_NAME: undefined,
};

describe('the bundles in dist/', () => {
  /** A copy where no node_modules is near, started by a link from another folder. */
  function run(...args: string[]) {
    cpSync(join(ROOT, 'dist'), at('copy'), { recursive: true });
    mkdirSync(at('elsewhere'));
    symlinkSync(at('copy/spotreel.js'), at('elsewhere/spotreel'));
    return spawnSync(process.execPath, [at('elsewhere/spotreel'), ...args], {
      cwd: at('elsewhere'),
      encoding: 'utf8',
      env: { ...process.env, ...NO_AWS },
    });
  }

  test('need no package beside them', () => {
    expect(run('inspect', CLOCK)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('clock.blend'),
    });
  });

  test('load the SDK through a link', () => {
    const { stderr } = run('estimate', CLOCK, '--farm', 'main');
    expect(stderr).not.toContain('MODULE_NOT_FOUND');
    expect(stderr).toContain('Could not load credentials');
  });
});

describe('npm run setup', () => {
  function setup(prefix: string) {
    return spawnSync(process.execPath, [join(ROOT, 'scripts/setup.mjs')], {
      encoding: 'utf8',
      env: { ...process.env, npm_config_prefix: prefix },
    });
  }

  test('links spotreel and says how to undo that', () => {
    const { status, stderr } = setup(at('prefix'));
    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(existsSync(at('prefix/bin/spotreel'))).toBe(true);
    expect(stderr).toContain('npm unlink -g spotreel');
    const linked = spawnSync(at('prefix/bin/spotreel'), ['--version'], { cwd: at(), encoding: 'utf8' });
    expect(linked.status).toBe(0);
  });

  test('goes on where the folder of npm cannot be written, and says what to run', () => {
    writeFileSync(at('file'), '');
    const { status, stderr } = setup(at('file/prefix'));
    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(stderr).toContain('npm config set prefix ~/.local && npm link');
  });

  test('warns of a Blender that is old', () => {
    const { stderr } = setup(at('prefix'));
    expect(stderr).toContain('setup: warning: Blender 3.4 is old');
    expect(stderr).toContain('https://www.blender.org/download/');
  });
});

test('inspect reports that the Blender here is older than the scene', async () => {
  const scene = join(ROOT, 'test/fixtures/blend/5.2-zstd.blend');
  const { exitCode, stdout } = await spotreel(['inspect', scene]);
  expect(exitCode).toBe(0);
  expect(stdout).toContain('error: blender-too-old: ');
  expect(stdout).toContain('download Blender 5.2 or newer from https://www.blender.org/download/');
});

describe('without ./renders and without --farm', () => {
  test.each([
    ['list'],
    ['status'],
    ['watch'],
    ['logs'],
    ['receipt'],
    ['retry', 'shot'],
    ['cancel', 'shot'],
    ['download', 'shot'],
    ['delete', 'shot', '--yes'],
  ])('%s says that there are no renders here, and asks nothing of AWS', async (...args) => {
    const { exitCode, stdout, stderr } = await spotreel(args, { cwd: at(), environment: NO_AWS });
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 2,
      stdout: '',
      stderr:
        'spotreel: no renders here: there is no folder ./renders; go to the folder of the project, name its renders with -o, or name a farm with --farm\n',
    });
  });
});
