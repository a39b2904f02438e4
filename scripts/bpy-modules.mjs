// Virtual environments with Blenders as Python modules, one for each version, that `npm run pixels` renders with.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * The module of each version runs in one version of Python only. If that Python is missing, another module replaces it.
 * Source: the wheels of the package bpy.
 */
const MODULES = [
  { version: '4.5.15', python: '3.11' },
  { version: '5.2.3', python: '3.13', otherwise: { version: '5.0.1', python: '3.11' } },
];

/** Debian's names of the libraries that the module loads; Blender's own package brings most of them. */
const LIBRARIES = [
  'libsm6',
  'libxkbcommon0',
  'libxi6',
  'libxrender1',
  'libxfixes3',
  'libxxf86vm1',
  'libegl1',
  'libgl1',
];

/** Makes `<root>/.venv-bpy/<version>` for each module, and reports which one replaces another. */
export function installModules(root, effects) {
  for (const module of MODULES) {
    if (install(root, module, effects)) continue;
    const { otherwise } = module;
    if (!otherwise || !install(root, otherwise, effects)) {
      effects.fail(
        `bpy ${module.version} needs Python ${module.python} with venv; install it, then run this again`,
      );
    }
    effects.say(`no Python ${module.python}: bpy ${otherwise.version} replaces bpy ${module.version}`);
  }
}

/** Gives whether the module is installed now: not if this machine has no Python for it. */
function install(root, { version, python }, { say, run, fail, aptInstall }) {
  const folder = join(root, '.venv-bpy', version);
  const stamp = join(folder, '.spotreel-complete');
  if (existsSync(stamp)) return true;
  const base = findPython(root, python);
  if (!base) return false;
  say(`installing bpy ${version}`);
  run(base, ['-m', 'venv', '--clear', folder]);
  run(join(folder, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', `bpy==${version}`]);
  const starts = () =>
    answer(join(folder, 'bin/python'), 'import bpy, os; os.write(1, b"bpy\\n"); os._exit(0)') === 'bpy';
  if (!starts()) aptInstall(LIBRARIES);
  if (!starts()) fail(`bpy ${version} is installed in ${folder} and does not start`);
  writeFileSync(stamp, `${version}\n`);
  return true;
}

/** A Python of this version that can make virtual environments: on PATH, of the system, of pyenv or of uv. */
function findPython(root, version) {
  const question = 'import sys, ensurepip, venv; print("%d.%d" % sys.version_info[:2])';
  for (const python of candidates(root, version)) {
    if (answer(python, question) === version) return python;
  }
  return undefined;
}

function* candidates(root, version) {
  yield* [`python${version}`, 'python3', `/usr/bin/python${version}`, '/usr/bin/python3'];
  const pyenv = join(process.env.PYENV_ROOT ?? join(homedir(), '.pyenv'), 'versions');
  const names = existsSync(pyenv) ? readdirSync(pyenv) : [];
  yield* names
    .filter((name) => name.startsWith(`${version}.`))
    .map((name) => join(pyenv, name, 'bin/python'));
  yield* pythonsOfUv(root, version);
}

/** uv, which may have to be installed itself, finds a Python, or downloads one where the network allows that. */
function* pythonsOfUv(root, version) {
  const venv = join(root, '.venv-bpy/uv');
  const own = join(venv, 'bin/uv');
  const uv = output('uv', ['--version']) ? 'uv' : own;
  if (uv === own && !existsSync(own)) {
    spawnSync('python3', ['-m', 'venv', venv], { stdio: 'ignore' });
    spawnSync(join(venv, 'bin/pip'), ['install', '--quiet', 'uv'], { stdio: 'ignore' });
  }
  const find = () => output(uv, ['python', 'find', '--no-project', version]);
  const found = find();
  if (found) yield found;
  spawnSync(uv, ['python', 'install', version], { stdio: 'ignore', timeout: 300_000 });
  yield find() ?? '';
}

const answer = (python, text) => output(python, ['-c', text]);

/** The last line that a program prints; `undefined` if it fails. */
function output(program, args) {
  const { status, stdout } = spawnSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return status === 0 ? stdout.trim().split('\n').at(-1) : undefined;
}
