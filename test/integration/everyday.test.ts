import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { digestOfFiles } from '../../core/scene/findings/preflight';
import { renderIdOf } from '../../core/render/keys';
import { installFakeBlender } from '../support/fake-blender';
import { fewOrAll, runsHeavy } from '../support/heavy';
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

  test('links spotreel so that it can be undone, and warns of an old Blender', () => {
    const { status, stderr } = setup(at('prefix'));
    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(existsSync(at('prefix/bin/spotreel'))).toBe(true);
    expect(stderr).toContain('npm unlink -g spotreel');
    const linked = spawnSync(at('prefix/bin/spotreel'), ['--version'], { cwd: at(), encoding: 'utf8' });
    expect(linked.status).toBe(0);
    expect(stderr).toContain('setup: warning: Blender 3.4 is old');
    expect(stderr).toContain('https://www.blender.org/download/');
  });

  if (runsHeavy('commands'))
    test('says what to run if it cannot write to the folder of npm', () => {
      writeFileSync(at('file'), '');
      const { status, stderr } = setup(at('file/prefix'));
      expect({ status, stderr }).toMatchObject({ status: 0 });
      expect(stderr).toContain('npm config set prefix ~/.local && npm link');
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
  const COMMANDS = [
    ['list'],
    ['status'],
    ['watch'],
    ['logs'],
    ['receipt'],
    ['retry', 'shot'],
    ['cancel', 'shot'],
    ['download', 'shot'],
    ['delete', 'shot', '--yes'],
  ];
  test.each(fewOrAll('commands', COMMANDS, ([command]) => command === 'status'))(
    '%s says that there are no renders here, and asks nothing of AWS',
    async (...args) => {
      const { exitCode, stdout, stderr } = await spotreel(args, { cwd: at(), environment: NO_AWS });
      expect({ exitCode, stdout, stderr }).toEqual({
        exitCode: 2,
        stdout: '',
        stderr:
          'spotreel: no renders here: there is no folder ./renders; go to the folder of the project, name its renders with -o, or name a farm with --farm\n',
      });
    },
  );
});

describe('a project on this machine', () => {
  const FLAGS = ['--resolution-percent', '10', '--frames', '1-6', '-f', '2'];
  const renders = (project: string) => readdirSync(at(project, 'renders')).toSorted();
  const manifestOf = (project: string, id: string) =>
    JSON.parse(readFileSync(at(project, 'renders', id, 'manifest.json'), 'utf8'));
  const framesOf = (project: string, id: string) =>
    readdirSync(at(project, 'renders', id, 'frames')).map((name) => {
      const { mtimeMs } = statSync(at(project, 'renders', id, 'frames', name));
      return { name, mtimeMs };
    });

  async function render(project: string) {
    const environment = installFakeBlender(at('blender'), { width: 64, height: 36 });
    const { exitCode, stderr } = await spotreel(['render', 'clock.blend', ...FLAGS], {
      cwd: at(project),
      environment,
    });
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    return stderr;
  }

  async function rendered(): Promise<string> {
    mkdirSync(at('one'));
    cpSync(CLOCK, at('one/clock.blend'), { preserveTimestamps: true });
    await render('one');
    return renders('one')[0]!;
  }

  test('resumes the same render when its folder moves', async () => {
    const id = await rendered();
    renameSync(at('one'), at('two'));
    const frame = at('two/renders', id, 'frames/0003.png');
    rmSync(frame);
    const before = framesOf('two', id);
    const stderr = await render('two');
    expect(renders('two')).toEqual([id]);
    expect(framesOf('two', id).filter(({ name }) => name !== '0003.png')).toEqual(before);
    expect(existsSync(frame)).toBe(true);
    expect(manifestOf('two', id).source.url).toBe(at('two/clock.blend'));
    expect(stderr).toContain(`the scene was in ${at('one/clock.blend')}`);
  });

  if (runsHeavy('commands'))
    test('resumes a render whose id an earlier version made from the path', async () => {
      const id = await rendered();
      const manifest = manifestOf('one', id);
      const digest = digestOfFiles(manifest.dependencies ?? []);
      const etag = digest === undefined ? manifest.source.etag : `${manifest.source.etag}+${digest}`;
      const source = pathToFileURL(at('one/clock.blend'));
      const older = renderIdOf({ source, etag, options: manifest.options });
      expect(older).not.toBe(id);
      const folder = at('one/renders', older);
      renameSync(at('one/renders', id), folder);
      for (const name of ['.batch', 'jobs.json']) rmSync(join(folder, name), { recursive: true });
      writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ ...manifest, renderId: older }));
      const before = framesOf('one', older);
      await render('one');
      expect(renders('one')).toEqual([older]);
      expect(framesOf('one', older)).toEqual(before);
    });
});

describe('--json', () => {
  const FLAGS = ['--resolution-percent', '10', '--frames', '1-2', '-n', 'shot'];

  const COMMANDS = ['status', 'cancel', 'delete', 'retry', 'receipt', 'download', 'watch', 'logs'];
  test.each(fewOrAll('commands', COMMANDS, (command) => command === 'cancel'))(
    'makes an error of %s one JSON object with a code',
    async (command) => {
      mkdirSync(at('renders'));
      const args = [command, 'nothing', '--json'];
      const { exitCode, stdout } = await spotreel(args, { cwd: at(), environment: NO_AWS });
      expect(exitCode).toBe(2);
      expect(JSON.parse(stdout)).toEqual({
        error: { code: 'no-render', message: expect.stringContaining('"nothing"') },
      });
    },
  );

  test('makes a wrong flag one JSON object with a code', async () => {
    const { exitCode, stdout } = await spotreel(['list', '--nonsense', '--json']);
    expect(exitCode).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'bad-usage' } });
  });

  if (runsHeavy('commands'))
    test('prints the results of cancel, retry and delete', async () => {
      const environment = installFakeBlender(at('blender'), { width: 64, height: 36 });
      const options = { cwd: at(), environment };
      expect((await spotreel(['render', CLOCK, ...FLAGS], options)).exitCode).toBe(0);
      const result = async (...args: string[]) =>
        JSON.parse((await spotreel([...args, '--json'], options)).stdout);
      expect(await result('cancel', 'shot')).toEqual({
        renderId: 'shot',
        stopped: false,
        folder: at('renders/shot/'),
        frames: { stored: 2, total: 2 },
      });
      expect(await result('retry', 'shot')).toMatchObject({ renderId: 'shot', state: 'unchanged' });
      rmSync(at('renders/shot/frames/0001.png'));
      expect(await result('retry', 'shot')).toMatchObject({
        state: 'complete',
        report: at('renders/shot/report.html'),
      });
      expect(await result('receipt')).toMatchObject({ renderId: 'shot' });
      expect(await result('delete', 'shot', '--yes')).toMatchObject({ renderId: 'shot', deleted: true });
    });
});

describe('in a terminal of 60 columns', () => {
  const PROGRAM = join(ROOT, 'test/fixtures/programs/in-terminal.py');
  const COLUMNS = 60;
  const LONG = 'a-render-with-a-name-of-many-words-1a2b3c4d';
  const REASON =
    'frame 7 ran out of memory, and so did frame 9; give more memory or fewer samples to both of them';

  function inTerminal(args: string[], environment: NodeJS.ProcessEnv = {}): string {
    mkdirSync(at('renders', LONG), { recursive: true });
    const status = {
      version: 1,
      renderId: LONG,
      state: 'refused',
      at: '2026-11-22T23:30:00.000Z',
      source: { url: '/films/shot.blend', etag: 'e' },
      reason: REASON,
      findings: [],
      links: { folder: at('renders', LONG) },
    };
    writeFileSync(at('renders', LONG, 'status.json'), JSON.stringify(status));
    // In CI, Node shows no colours unless it knows that CI.
    const { NO_COLOR: _, FORCE_COLOR: __, CI: ___, ...clean } = process.env;
    const command = [
      'python3',
      PROGRAM,
      String(COLUMNS),
      process.execPath,
      join(ROOT, 'dist/spotreel.js'),
      ...args,
    ];
    return spawnSync(command[0]!, command.slice(1), {
      cwd: at(),
      encoding: 'utf8',
      env: { ...clean, TERM: 'xterm-256color', ...environment },
    }).stdout.replaceAll('\r\n', '\n');
  }

  // oxlint-disable-next-line no-control-regex -- colours are what it is about
  const plain = (text: string) => text.replaceAll(/\u001b\[\d+m/g, '');
  const longLines = (text: string) =>
    plain(text)
      .split('\n')
      // A path or a name of one word is whole on its own line.
      .filter((line) => line.length > COLUMNS && line.trim().includes(' '));

  test.each([[['list']], [['status', LONG]]])('%s breaks its lines and loses no word', (args) => {
    const shown = inTerminal(args);
    expect(longLines(shown)).toEqual([]);
    expect(plain(shown).split(/\s+/)).toEqual(expect.arrayContaining(REASON.split(' ')));
    expect(shown).toContain(LONG);
  });

  if (runsHeavy('commands'))
    test('the bar of a render fits', () => {
      const environment = installFakeBlender(at('blender'), { width: 64, height: 36 });
      const args = ['render', CLOCK, '--resolution-percent', '10', '--frames', '1-8x3', '-p', '3'];
      const shown = inTerminal(args, environment);
      // oxlint-disable-next-line no-control-regex -- the bar is drawn by them
      const bars = shown.split(/\u001b\[1G|\u001b\[0K|\n/).filter((part) => /^[█░]/.test(part));
      expect(bars.length).toBeGreaterThan(2);
      expect(bars.filter((bar) => bar.length > COLUMNS)).toEqual([]);
    });

  test('a state has a colour, unless NO_COLOR is set', () => {
    expect(inTerminal(['status', LONG])).toContain('\u001b[31mrefused\u001b[39m');
    expect(inTerminal(['status', LONG], { NO_COLOR: '1' })).not.toContain('\u001b[');
  });

  test('times are local', () => {
    expect(inTerminal(['list'], { TZ: 'Asia/Tokyo' })).toContain('2026-11-23 08:30');
  });
});
