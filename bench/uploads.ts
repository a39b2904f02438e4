import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { emulatedEnvironment, makeEmulatedFarm } from '../test/support/emulated-farm';
import { startRecordingProxy } from '../test/support/recording-proxy';
import { startS3Emulator } from '../test/support/s3-emulator';
import { cpuSecondsOf, measure, spread } from './measure';
import { ROOT, saveExample } from './ways';

/** Writes the CPU seconds of a command, user's and system's, to a file. Of bash. */
const TIME = 'TIMEFORMAT="%U %S"; { time "$@" 2>&3; } 3>&2 2>"$0"';

/** The most files that a render may have. */
const FILES = 20_000;

/** `spotreel submit` of a scene with an image sequence of 20,000 files: the first time, and with unchanged files. */
export async function benchUploads(runs: number, say: (text: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'spotreel-bench-'));
  const aws = await startS3Emulator('spotreel-films');
  const proxy = await startRecordingProxy(aws.endpoint);
  try {
    await makeEmulatedFarm(aws);
    const scene = join(folder, 'shot.blend');
    await writePlates(join(folder, 'plates'));
    await saveExample(scene, [
      "image = bpy.data.images.new('Plate', 4, 4)",
      "image.source = 'SEQUENCE'",
      // Saving keeps the place of a relative path, which is relative to the example until then.
      `image.filepath = bpy.path.relpath(${JSON.stringify(join(folder, 'plates/00001.png'))})`,
      "world = bpy.data.worlds.new('Plates')",
      'scene.world = world',
      'world.use_nodes = True',
      "texture = world.node_tree.nodes.new('ShaderNodeTexEnvironment')",
      'texture.image = image',
      `texture.image_user.frame_duration = ${FILES}`,
      'texture.image_user.use_auto_refresh = True',
      "world.node_tree.links.new(texture.outputs[0], world.node_tree.nodes['Background'].inputs[0])",
      `scene.frame_end = ${FILES}`,
    ]);
    const environment = {
      ...emulatedEnvironment(aws),
      AWS_ENDPOINT_URL: proxy.endpoint,
      XDG_CACHE_HOME: join(folder, 'cache'),
    };
    const motoProgram = `moto_server.py ${new URL(aws.endpoint).port} `;
    const motoSeconds = () => cpuSecondsOf((line) => line.includes(motoProgram));
    const submit = async () => {
      proxy.requests.length = 0;
      const times = join(folder, 'times');
      const command = [process.execPath, join(ROOT, 'dist/spotreel.js'), 'submit', scene];
      const before = motoSeconds();
      const { seconds } = await measure(['bash', '-c', TIME, times, ...command], { environment });
      const [user = NaN, system = NaN] = (await readFile(times, 'utf8')).trim().split(' ').map(Number);
      return {
        seconds,
        clientSeconds: user + system,
        motoSeconds: motoSeconds() - before,
        requests: proxy.requests.length,
      };
    };
    const first = await submit();
    const again = [];
    for (let run = 0; run < runs; run += 1) again.push(await submit());
    const perThousand = again.map(({ requests }) => (requests * 1000) / FILES);
    await say(`## Uploads

\`spotreel submit\` of a scene with an image sequence of ${FILES} files of about 60 bytes, against moto.

| | First | Unchanged files | Wanted |
| --- | --- | --- | --- |
| seconds, the whole command | ${first.seconds.toFixed(1)} | ${spread(again.map(({ seconds }) => seconds))} | ≤ 5 |
| CPU seconds of the command | ${first.clientSeconds.toFixed(1)} | ${spread(
      again.map(({ clientSeconds }) => clientSeconds),
    )} | |
| CPU seconds of moto | ${first.motoSeconds.toFixed(1)} | ${spread(again.map((one) => one.motoSeconds))} | |
| requests | ${first.requests} | ${spread(
      again.map(({ requests }) => requests),
      0,
    )} | |
| requests per 1,000 files | ${((first.requests * 1000) / FILES).toFixed(0)} | ${spread(perThousand)} | ≤ 10 |

Medians (lowest to highest) of ${runs} runs; the first submission ran once. moto answers one request at a time. It is
started by \`test/fixtures/programs/moto_server.py\`, which renders listings with code of its own. The answers are the
same, byte for byte (\`test/contract/moto.test.ts\`). With moto's own code, it needs 0.2 s more for each 1,000 objects.`);
  } finally {
    await proxy.stop();
    await aws.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Files that start and end as PNGs, each with other content. */
async function writePlates(folder: string): Promise<void> {
  await mkdir(folder);
  for (let number = 1; number <= FILES; number += 1) {
    const bytes = Buffer.from(`\x89PNG\r\n\x1a\nplate ${number}IEND\xae\x42\x60\x82`, 'latin1');
    await writeFile(join(folder, `${String(number).padStart(5, '0')}.png`), bytes);
  }
}
