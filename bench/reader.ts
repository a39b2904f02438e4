import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { bundleText } from '../test/support/lambda-bundle';
import { median, run, spread } from './measure';
import { ROOT } from './ways';

const call = promisify(execFile);

/** Where Debian and Blender's own archives keep `blend_render_info.py`. */
const MODULES = `import bpy.utils; print("MODULES " + bpy.utils.script_paths(subdir="modules")[0])`;

/** A scene and a mesh of some 100 MB, raw and packed. As in large scenes, hardly any of it is facts. */
const HEAVY = `
import bpy, sys
folder = sys.argv[-1]
mesh = bpy.data.meshes.new("heavy")
count = 3_000_000
mesh.vertices.add(count)
mesh.vertices.foreach_set("co", [(index * 7919 % 1000003) / 1000 for index in range(count * 3)])
mesh.use_fake_user = True
bpy.ops.wm.save_as_mainfile(filepath=folder + "/heavy.blend", compress=False)
bpy.ops.wm.save_as_mainfile(filepath=folder + "/heavy-zstd.blend", compress=True)
`;

/** A program for a new Node: reads the facts of a file, again and again, and prints how long it took each time. */
const READ = `
import { readFileSync } from 'node:fs';
import { readBlendFacts } from './core/scene/blend/facts';
import { FileStorage } from './core/storage/file-storage';
async function main() {
  const seconds: number[] = [];
  let peak = 0;
  for (let time = 0; time < 31; time++) {
    const began = process.hrtime.bigint();
    const source = await new FileStorage().open(new URL(process.argv[2]!));
    const facts = await readBlendFacts(source);
    await source.close();
    seconds.push(Number(process.hrtime.bigint() - began) / 1e9);
    if (facts.incomplete) throw new Error('the answer is incomplete');
    // Not the maximum of getrusage(2), in which the memory of the parent counts.
    peak ||= Number(/VmHWM:\\s+(\\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
  }
  console.log(JSON.stringify({ seconds, memory: peak * 1024 }));
}
void main();
`;

/** The same of Blender's own script, which reads the frame range and nothing else. */
const RENDER_INFO = `
import sys, time
sys.path.insert(0, sys.argv[1])
from blend_render_info import read_blend_rend_chunk
began = time.perf_counter()
ranges = read_blend_rend_chunk(sys.argv[2])
print(time.perf_counter() - began, len(ranges))
`;

interface Timing {
  readonly file: string;
  readonly bytes: number;
  /** Seconds of the first reading in a new Node, whose code is not compiled yet. */
  readonly first: number[];
  /** Seconds of a later one, the median of 30. */
  readonly reader: number[];
  /** Seconds of a Blender that opens the file and prints the same facts. */
  readonly blender: number[];
  /** Seconds within a new Python; empty where it can't, as for zstd without the module of that name. */
  readonly renderInfo: number[];
  /** The peak of the Node. */
  memory: number;
}

/** The reader of scene facts beside Blender, asked for the same, and beside Blender's own script, which reads less. */
export async function benchReader(runs: number, say: (text: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'spotreel-bench-'));
  try {
    await run(['blender', '-b', '--factory-startup', '--python-expr', HEAVY, '--', folder]);
    const program = join(folder, 'read.js');
    await writeFile(program, (await bundleText(READ)).code);
    const files = [
      join(ROOT, 'examples/clock.blend'),
      join(folder, 'heavy.blend'),
      join(folder, 'heavy-zstd.blend'),
    ];
    const modules = await modulesFolder();
    const timings = await Promise.all(files.map(emptyTiming));
    for (let turn = 0; turn < runs; turn += 1) {
      for (const timing of timings) await measureOnce(timing, program, modules);
    }
    await say(describe(timings, runs));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function emptyTiming(file: string): Promise<Timing> {
  const { size } = await stat(file);
  return { file, bytes: size, first: [], reader: [], blender: [], renderInfo: [], memory: 0 };
}

/** One of each, in turn, so that ratios hold when the machine's speed drifts. */
async function measureOnce(timing: Timing, program: string, modules: string): Promise<void> {
  const { stdout } = await timed([process.execPath, program, pathToFileURL(timing.file).href]);
  const answer: { seconds: number[]; memory: number } = JSON.parse(stdout);
  const [first, ...later] = answer.seconds;
  timing.first.push(first!);
  timing.reader.push(median(later));
  timing.memory = Math.max(timing.memory, answer.memory);

  const ask = join(ROOT, 'test/fixtures/blend/ask.py');
  const blender = await timed(['blender', '-b', '-Y', timing.file, '--python', ask]);
  if (!blender.stdout.includes('FACTS ')) throw new Error(`Blender printed no facts of ${timing.file}`);
  timing.blender.push(blender.seconds);

  try {
    const info = await timed(['python3', '-c', RENDER_INFO, modules, timing.file]);
    timing.renderInfo.push(Number(info.stdout.split(' ')[0]));
  } catch (error) {
    // Compressed files need a module that is not part of Python.
    if (!String(error).includes("No module named 'zstandard'")) throw error;
  }
}

async function timed(argv: readonly string[]): Promise<{ stdout: string; seconds: number }> {
  const began = process.hrtime.bigint();
  const { stdout } = await call(argv[0]!, argv.slice(1));
  return { stdout, seconds: Number(process.hrtime.bigint() - began) / 1e9 };
}

async function modulesFolder(): Promise<string> {
  const { stdout } = await call('blender', ['-b', '--factory-startup', '--python-expr', MODULES]);
  const line = stdout.split('\n').find((text) => text.startsWith('MODULES '));
  if (line === undefined) throw new Error('Blender did not print the path of its modules');
  return line.slice('MODULES '.length);
}

function describe(timings: readonly Timing[], runs: number): string {
  const row = (name: string, wanted: string, cell: (timing: Timing) => string): string =>
    `| ${name} | ${timings.map(cell).join(' | ')} | ${wanted} |`;
  const names = ['a small scene', 'with a large mesh', 'the same, compressed'];
  const ratio = (timing: Timing): string =>
    spread(
      timing.blender.map((seconds, turn) => seconds / timing.reader[turn]!),
      0,
    );
  return `## The scene reader

| | ${names.join(' | ')} | Wanted |
| --- | ${names.map(() => '---').join(' | ')} | --- |
${[
  row('the file, MB', '', ({ bytes }) => (bytes / 1e6).toFixed(1)),
  row('the reader, ms', '', ({ reader }) => milliseconds(reader)),
  row('Blender, started to print the same, ms', '', ({ blender }) => milliseconds(blender)),
  row('how many times faster the reader is, pair by pair', '≥ 50', ratio),
  row('the reader, the first time in a new Node, ms', '', ({ first }) => milliseconds(first)),
  row('peak memory of that Node, MB', '< 128', ({ memory }) => (memory / 1e6).toFixed(0)),
  row('Blender’s `blend_render_info.py`, range alone, in a new Python, ms', '', ({ renderInfo }) =>
    renderInfo.length > 0 ? milliseconds(renderInfo) : 'can’t',
  ),
  row('that script’s time / the reader’s time for all facts', '', ({ renderInfo, reader }) =>
    renderInfo.length > 0 ? (median(renderInfo) / median(reader)).toFixed(1) : '',
  ),
].join('\n')}

Medians (lowest to highest) of ${runs} runs, in turn. The reader's time is without the start of Node, because the reader
runs in programs that have started already. The script's time is without the start of Python. Blender's time includes
its start. Node ${process.version} ${'zstdDecompressSync' in zlib ? 'unpacks zstd by itself' : 'unpacks zstd by a decoder in JavaScript. The decoder of Node 24, on which the\nLambda runs, is several times faster'}.
\`can’t\`: the script needs the Python module \`zstandard\` for compressed files.`;
}

const milliseconds = (seconds: readonly number[]): string =>
  spread(
    seconds.map((second) => second * 1000),
    1,
  );
