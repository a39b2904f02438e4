// Makes this checkout ready to run: node packages, bundles, and Blender and ffmpeg from the system's packages.
// Needs nothing but Node and npm.
//
//   node scripts/setup.mjs             all of it, and the command spotreel in every folder
//   node scripts/setup.mjs --no-link   without that command
//   node scripts/setup.mjs --packages  node packages and bundles only
//   node scripts/setup.mjs --tests     and the emulators that the tests run against
//   node scripts/setup.mjs --containers  and what builds and runs containers
//   node scripts/setup.mjs --pixels    and Blenders as Python modules, in .venv-bpy
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { installModules } from './bpy-modules.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const LEAST_NODE = [20, 19];

/** Debian's names. The two libraries let EEVEE draw without a display or a GPU. */
const SYSTEM_PACKAGES = ['blender', 'ffmpeg', 'libegl1', 'libgl1-mesa-dri'];
/**
 * curl: a farm's machines use it to watch for Spot notices, and a test runs it. openssl: makes the certificate
 * of the emulator in the rehearsal. chromium: opens the report page.
 */
const TEST_PACKAGES = ['python3-venv', 'curl', 'openssl', 'chromium'];

/**
 * Programs that build and run images in the rehearsal: Docker Engine, as on AWS Batch's machines; mmdebstrap makes their
 * base; xz-utils packs an archive as Blender's are.
 */
const CONTAINER_PACKAGES = ['docker.io', 'mmdebstrap', 'xz-utils'];

function main(flags) {
  checkNode();
  installNodePackages();
  run(process.execPath, [join(root, 'scripts/build.mjs')]);
  if (flags.includes('--packages')) return;
  installPrograms();
  if (flags.length === 0) linkCommand();
  if (flags.includes('--tests')) installForTests();
  if (flags.includes('--containers')) installForContainers();
  if (flags.includes('--pixels')) installModules(root, { say, run, fail, aptInstall });
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1])) return;
  fail(`Node ${process.versions.node} is too old; install Node ${LEAST_NODE.join('.')} or newer`);
}

/** `npm ci`, unless the installed packages are those of the lock file. */
function installNodePackages() {
  const stamp = join(root, 'node_modules/.spotreel-lock-hash');
  const hash = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  say('installing node packages');
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { shell: process.platform === 'win32' });
  writeFileSync(stamp, hash);
}

function installPrograms() {
  const { missing } = checkPrograms();
  if (missing.length > 0) {
    if (process.platform === 'darwin') {
      const commands = missing.map((program) => BREW[program]).join(' && ');
      fail(`${missing.join(' and ')} missing; run: ${commands}, then run this command again`);
    }
    if (!onPath('apt-get'))
      fail(
        `${missing.join(' and ')} missing; install ${missing.map((program) => FROM[program]).join(', ')}, then run this command again`,
      );
    aptInstall(SYSTEM_PACKAGES);
  }
  const { old } = checkPrograms();
  if (old !== undefined) say(`warning: ${old}`);
}

const BREW = { blender: 'brew install --cask blender', ffmpeg: 'brew install ffmpeg' };
const FROM = {
  blender: 'Blender from https://www.blender.org/download/',
  ffmpeg: 'ffmpeg from https://ffmpeg.org/download.html',
};

/** By the rules of a render, Windows and macOS among them. */
function checkPrograms() {
  const args = ['--import', 'tsx', join(root, 'scripts/check-programs.ts')];
  const { status, stdout } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) fail('cannot check Blender and ffmpeg: see the message above');
  return JSON.parse(stdout);
}

/** Makes `spotreel` a command of every folder. A folder of npm that only root may write to is no reason to fail. */
function linkCommand() {
  const prefix = npm(['prefix', '-g']).stdout.trim();
  const isWindows = process.platform === 'win32';
  const { status, stderr } = npm(['link', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
  if (status !== 0) {
    const why = /EACCES|EPERM|EROFS/.test(stderr)
      ? `${prefix} is not writable`
      : stderr.trim().split('\n')[0];
    say(`spotreel works only in this folder (npx spotreel), because npm link failed: ${why}`);
    say(
      isWindows
        ? 'fix that and run: npm link'
        : 'run: sudo npm link   or, without root: npm config set prefix ~/.local && npm link',
    );
    return;
  }
  say('spotreel works in every folder; to undo that, run: npm unlink -g spotreel');
  const bin = isWindows ? prefix : join(prefix, 'bin');
  if (!(process.env.PATH ?? '').split(delimiter).includes(bin)) say(`warning: add ${bin} to PATH`);
}

function npm(args) {
  const { status, stdout, stderr } = spawnSync('npm', args, {
    cwd: root,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  return { status, stdout: stdout ?? '', stderr: stderr ?? '' };
}

function installForTests() {
  const complete =
    runs('python3', ['-c', 'import ensurepip, venv']) && ['curl', 'openssl', 'chromium'].every(onPath);
  if (!complete && onPath('apt-get')) aptInstall(TEST_PACKAGES);
  installEmulators();
}

function installForContainers() {
  if (['dockerd', 'docker', 'mmdebstrap', 'xz'].every(onPath)) return;
  if (!onPath('apt-get'))
    fail(`install ${CONTAINER_PACKAGES.join(', ')}; containers are rehearsed on Debian or Ubuntu`);
  aptInstall(CONTAINER_PACKAGES);
}

/** The emulators of AWS, in the checkout's own virtual environment. */
function installEmulators() {
  const venv = join(root, '.venv');
  const requirements = join(root, 'scripts/requirements-test.txt');
  const hash = createHash('sha256').update(readFileSync(requirements)).digest('hex');
  const stamp = join(venv, '.spotreel-requirements-hash');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  say('installing the emulators that the tests run against');
  run('python3', ['-m', 'venv', '--clear', venv]);
  run(join(venv, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', '-r', requirements]);
  writeFileSync(stamp, hash);
}

function aptInstall(packages) {
  say(`installing ${packages.join(', ')}`);
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo'];
  if (asRoot.length > 0 && !onPath('sudo')) {
    fail(`run as root, or install by hand: apt-get install --no-install-recommends ${packages.join(' ')}`);
  }
  const environment = ['env', 'DEBIAN_FRONTEND=noninteractive'];
  const apt = (...args) => {
    const [program, ...argv] = [...asRoot, ...environment, 'apt-get', '-qq', ...args];
    run(program, argv, { stdio: ['inherit', 'ignore', 'inherit'] });
  };
  apt('update');
  apt('install', '-y', '--no-install-recommends', ...packages);
}

function onPath(program) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function runs(program, args) {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

function run(program, args, options = {}) {
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: 'inherit', ...options });
  if (status === 0) return;
  fail(`${program} ${args.join(' ')} failed${error ? `: ${error.message}` : ` with exit code ${status}`}`);
}

function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}

main(process.argv.slice(2));
