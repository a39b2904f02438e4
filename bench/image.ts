import { appendFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { WORKER_FILES } from '../lib/built-files';
import { Docker } from '../test/rehearsal-containers/docker';
import { BLENDER_OF } from '../test/rehearsal-containers/stand-in-base';
import { distContext, workerImage } from '../test/rehearsal-containers/worker-image';
import { ROOT } from './ways';

/** One step of the Dockerfile, as `docker history` reports it. */
interface Step {
  readonly size: number;
  readonly CreatedBy: string;
}

/** The content of a layer by the text of its step, from the base on. */
const HOLDS: ReadonlyArray<readonly [pattern: RegExp, what: string, changes: string]> = [
  [/apt-get install .*ffmpeg/, 'ffmpeg, libraries, a GL in software', 'with the list of packages'],
  [
    /COPY dir:.* in \/opt\/blender|COPY .* \/opt\/blender/,
    'Blender, from an archive',
    'with `blenderVersions`',
  ],
  [/BLENDER_SOURCE=debian.*blender/, 'Blender, from Debian', 'with `blenderVersions`'],
  [/useradd/, 'the worker’s user', 'almost never'],
  [/COPY .*\/opt\/spotreel|COPY multi/, 'the worker', 'with Spotreel'],
];

/** The image's layers with their sizes, and those that a change of the worker rebuilds. */
export async function benchImage(_runs: number, say: (text: string) => Promise<void>): Promise<void> {
  const docker = await Docker.start();
  try {
    const image = await workerImage(docker, 'bookworm');
    const steps = await stepsOf(docker, image.id);
    const context = distContext();
    await appendFile(join(context, 'worker.js'), '// changed\n');
    const changed = await workerImage(docker, 'bookworm', context);
    const kept = image.layers.filter((layer, index) => changed.layers[index] === layer).length;
    // Gives the name back to the image of the unchanged dist/.
    await workerImage(docker, 'bookworm');
    await say(describe(steps, image.layers.length, kept));
  } finally {
    await docker.stop();
  }
}

/** The newest first. */
async function stepsOf(docker: Docker, image: string): Promise<Step[]> {
  const options = ['--no-trunc', '--human=false', '--format', '{{json .}}'];
  const lines = await docker.run('history', ...options, image);
  return lines.split('\n').map((line) => {
    const { Size, CreatedBy } = JSON.parse(line);
    return { size: Number(Size), CreatedBy };
  });
}

function describe(steps: readonly Step[], layers: number, kept: number): string {
  const large = steps.filter(({ size }) => size >= 10_000).toReversed();
  const rows = large.map(({ size, CreatedBy }, index) => {
    const [, what, changes] = HOLDS.find(([pattern]) => pattern.test(CreatedBy)) ?? [];
    const [holds, when] = index === 0 ? ['Debian 12 and Node', 'with `BASE_IMAGE`'] : [what, changes];
    if (holds === undefined) throw new Error(`unknown layer: ${CreatedBy}`);
    return `| ${holds} | ${megabytes(size)} | ${when ?? ''} |`;
  });
  const total = steps.reduce((sum, { size }) => sum + size, 0);
  return `## The image

The rehearsal builds this image on a substitute for \`node:24-trixie-slim\`, with Debian's Blender ${BLENDER_OF.bookworm}. The official
base and Blender were not available for this measurement. Sizes are unpacked; a registry stores layers packed.

| Layer, from the base on | MB | Changes |
| --- | --- | --- |
${rows.join('\n')}
| all | ${megabytes(total)} | |

The table has no layers under 10 kB. After a change of only the worker, ${kept} of ${layers} layers are reused, also Blender's. The
layer of the worker is the last one, and has ${megabytes(packedWorker())} MB packed by gzip: a machine that has the image pulls no more.`;
}

/** Bytes of the worker's layer, about as a registry stores it. */
function packedWorker(): number {
  const files = WORKER_FILES.map((name) => readFileSync(join(ROOT, 'dist', name)));
  return gzipSync(Buffer.concat(files)).byteLength;
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
