import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { sandboxed, whyNoSandbox } from '../../container/worker/sandbox';
import { blender, makeScene } from '../support/blender';
import { onlyRender } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import { ROOT } from '../support/source-files';
import { spotreel } from '../support/spotreel';

jest.setTimeout(120_000);

const at = useScratchFolder();

/** The worker's user in the image. Root may read every process on this machine, whatever Landlock says. */
const USER = 10_001;

/** Tries each deed, and prints what the system says of it. */
const DEEDS = `
const fs = require('fs'), net = require('net'), dgram = require('dgram');
const told = {};
const tell = (name, error) => { told[name] = error ? error.code : 'done'; };
const attempt = (name, deed) => { try { deed(); tell(name); } catch (error) { tell(name, error); } };
const [inside, outside, port] = process.argv.slice(1);
attempt('write inside', () => fs.writeFileSync(inside + '/a', 'x'));
attempt('move inside', () => { fs.mkdirSync(inside + '/b'); fs.renameSync(inside + '/a', inside + '/b/a'); });
attempt('write outside', () => fs.writeFileSync(outside + '/a', 'x'));
attempt('change outside', () => fs.truncateSync(outside + '/kept'));
attempt('remove outside', () => fs.unlinkSync(outside + '/kept'));
attempt('link outside', () => fs.symlinkSync('/etc', outside + '/link'));
attempt('write to /dev/null', () => fs.writeFileSync('/dev/null', 'x'));
attempt('read /etc/passwd', () => fs.readFileSync('/etc/passwd'));
attempt("read the starter's environment", () => fs.readFileSync('/proc/' + process.ppid + '/environ'));
attempt('signal the starter', () => process.kill(process.ppid, 0));
const later = (name, thing) => new Promise((done) => {
  thing.once('error', (error) => { tell(name, error); done(); });
  thing.once('connect', () => { tell(name); done(); });
});
const udp = dgram.createSocket('udp4');
Promise.all([
  later('TCP', net.connect(Number(port), '127.0.0.1')),
  later('a unix socket', net.connect(outside + '/socket')),
  new Promise((done) => udp.once('error', (error) => { tell('UDP', error); done(); })
    .send('x', 53, '127.0.0.1', (error) => { tell('UDP', error); done(); })),
]).then(() => { console.log(JSON.stringify(told)); process.exit(0); });
`;

const runsAsRoot = process.getuid?.() === 0;

describe('a program in the sandbox', () => {
  let server: Server;
  let port: number;
  beforeAll(async () => {
    server = createServer((_, response) => response.end('credentials'));
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    port = Number(Object(server.address()).port);
  });
  afterAll(() => void server.close());

  test('writes below its folder, and reaches nothing else', () => {
    expect(whyNoSandbox(process.env)).toBeUndefined();
    for (const name of ['inside', 'outside']) {
      mkdirSync(at(name));
      chmodSync(at(name), 0o777);
    }
    chmodSync(at(), 0o755);
    writeFileSync(at('outside/kept'), 'kept');
    chmodSync(at('outside/kept'), 0o666);
    // The checkout may lie where only its owner can read.
    copyFileSync(join(ROOT, 'container/worker/sandbox.pl'), at('sandbox.pl'));
    const deeds = [process.execPath, '-e', DEEDS, at('inside'), at('outside'), String(port)];
    const [perl, , ...rest] = sandboxed(deeds, at('inside'), process.env);
    const command = [perl!, at('sandbox.pl'), ...rest];
    const asUser = ['setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--clear-groups', '--', 'sh', '-c'];
    // The shell stays, and is the starter that must not be read.
    const started = runsAsRoot ? [...asUser, '"$@"; true', 'sh', ...command] : command;
    const told: unknown = JSON.parse(
      execFileSync(started[0]!, started.slice(1), { cwd: '/', encoding: 'utf8' }),
    );
    expect(told).toEqual({
      'write inside': 'done',
      'move inside': 'done',
      'write outside': 'EACCES',
      'change outside': 'EACCES',
      'remove outside': 'EACCES',
      'link outside': 'EACCES',
      'write to /dev/null': 'done',
      'read /etc/passwd': 'done',
      "read the starter's environment": 'EACCES',
      'signal the starter': 'EPERM',
      TCP: 'EACCES',
      UDP: 'EACCES',
      'a unix socket': 'EACCES',
    });
    expect(readFileSync(at('outside/kept'), 'utf8')).toBe('kept');
  });

  test('SPOTREEL_SANDBOX=off starts it as it is, and the worker says so', () => {
    const off = { ...process.env, SPOTREEL_SANDBOX: 'off' };
    expect(sandboxed(['blender', '-b'], at(), off)).toEqual(['blender', '-b']);
    expect(whyNoSandbox(off)).toContain('SPOTREEL_SANDBOX is off');
  });
});

/** A text block that Blender runs when it opens the file, a driver that calls Python, and a File Output node. */
const hostile = (folder: string) => `
text = bpy.data.texts.new('run.py')
text.use_module = True
text.from_string('''
import bpy
open(r"${folder}/script-ran", "w")
bpy.app.driver_namespace["take"] = lambda: open(r"${folder}/driver-ran", "w") and 0
''')
driver = bpy.data.objects['Cube'].driver_add('location', 0).driver
driver.type = 'SCRIPTED'
driver.expression = 'take()'
scene.use_nodes = True
tree = scene.node_tree
output = tree.nodes.new('CompositorNodeOutputFile')
output.base_path = ${JSON.stringify(`${folder}/file-output`)}
tree.links.new(tree.nodes['Render Layers'].outputs['Image'], output.inputs[0])
`;

test('a hostile scene is rendered without its scripts, and writes nowhere', async () => {
  const traces = ['script-ran', 'driver-ran', 'file-output'];
  mkdirSync(at('loot'));
  const scene = await makeScene(at('hostile.blend'), hostile(at('loot')));
  const { exitCode, stderr } = await spotreel(['render', scene, '-o', at('out'), '--frames', '1']);
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  expect(existsSync(join(onlyRender(at('out')), 'frames/0001.png'))).toBe(true);
  for (const name of traces)
    expect({ name, there: existsSync(at('loot', name)) }).toEqual({ name, there: false });
  // What it would have done otherwise: the scene is as hostile as it is meant to be.
  await blender(['-y', scene, '-o', at('own-####'), '-f', '1']);
  for (const name of traces)
    expect({ name, there: existsSync(at('loot', name)) }).toEqual({ name, there: true });
});
