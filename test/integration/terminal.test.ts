import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installFakeBlender } from '../support/fake-blender';
import { survivorsWith } from '../support/processes';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { spotreel } from '../support/spotreel';
import { manifestFor } from '../support/stored-render';

jest.setTimeout(120_000);

const at = useScratchFolder();
const SPOTREEL = join(ROOT, 'dist/spotreel.js');
const SHOWS_CURSOR = '\x1b[?25h';
const WRAPS_LINES = '\x1b[?7h';

test("a second Ctrl-C restores the terminal's cursor and line wrap", async () => {
  const hold = { frames: [2], until: at('never') };
  const environment = installFakeBlender(at('blender'), { width: 64, height: 36, hold });
  const program = join(ROOT, 'test/fixtures/programs/interrupt-twice.py');
  const render = [
    'render',
    join(ROOT, 'examples/clock.blend'),
    '-o',
    at('out'),
    '--resolution-percent',
    '10',
  ];
  const args = [program, 'rendering 2', process.execPath, SPOTREEL, ...render, '--frames', '1-3', '-p', '1'];
  const ended = spawnSync('python3', args, { env: { ...process.env, ...environment }, encoding: 'utf8' });
  expect(ended.status).toBe(130);
  const [before = '', , last = ''] = ended.stdout.split('<Ctrl-C>');
  expect(before).toContain('\x1b[?25l');
  expect(last).toContain(SHOWS_CURSOR);
  expect(last).toContain(WRAPS_LINES);
  expect(await survivorsWith(at('out'))).toEqual([]);
});

describe('a command whose reader goes away', () => {
  const commands = {
    list: ['list', '-o', 'out'],
    'list --json': ['list', '-o', 'out', '--json'],
    inspect: ['inspect', join(ROOT, 'examples/clock.blend')],
    status: ['status', 'shot-1', '-o', 'out', '--json'],
    help: ['--help'],
  };

  test.each(Object.entries(commands))('%s ends without a message', async (_, args) => {
    for (let i = 0; i < 300; i += 1) {
      mkdirSync(at('out', `shot-${i}`), { recursive: true });
      writeFileSync(at('out', `shot-${i}`, 'manifest.json'), JSON.stringify(manifestFor(`shot-${i}`, 1)));
    }
    const child = spawn(process.execPath, [SPOTREEL, ...args], {
      cwd: at(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.destroy();
    let notes = '';
    child.stderr.on('data', (data) => (notes += data));
    const exitCode = await new Promise((resolve) => child.once('close', resolve));
    expect({ exitCode, notes }).toEqual({ exitCode: 141, notes: '' });
  });
});

describe('a watch folder that cannot be written', () => {
  test('is an error in one line if a file is in the place of renders', async () => {
    writeFileSync(at('renders'), 'a file in its place');
    const ended = await spotreel(['farm', at(), '--once']);
    expect(ended).toMatchObject({ exitCode: 2 });
    expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(ended.stderr).toContain(`can't write ${at('renders')}`);
  });
});

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
if (!isRoot) process.stderr.write('NOT RUN: a read-only disk needs Linux and root\n');

(isRoot ? describe : describe.skip)('a watch folder on a read-only disk', () => {
  test('is an error in one line', async () => {
    mkdirSync(at('disk'));
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', at('disk')]);
    try {
      const ended = await spotreel(['farm', at('disk'), '--once']);
      expect(ended).toMatchObject({ exitCode: 2 });
      expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1);
      expect(ended.stderr).toContain(`can't write ${at('disk/uploads')}/: the disk is read-only`);
    } finally {
      spawnSync('umount', [at('disk')]);
      rmSync(at('disk'), { recursive: true, force: true });
    }
  });
});
