import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { clicksWav, decodeSound } from '../support/audio';
import { makeScene } from '../support/blender';
import { comparePictures } from '../support/compare-pictures';
import { abiEnvironment, SANDBOX_ABIS } from '../support/sandbox-users';
import { fewOrAll } from '../support/heavy';
import { useScratchFolder } from '../support/scratch-folder';
import { spotreel } from '../support/spotreel';

jest.setTimeout(600_000);

const at = useScratchFolder();

/** A picture that shows noise, and a sound. */
const SCENE = `
scene.frame_end = 1
scene.cycles.samples = 4
scene.eevee.taa_render_samples = 4
strips = scene.sequence_editor_create().sequences
strips.new_sound('Clicks', 'clicks.wav', 1, 1).sound.filepath = '//clicks.wav'
scene.render.use_sequencer = False
`;

interface Rendered {
  readonly picture: Buffer;
  readonly sound?: Float32Array;
}

async function render(
  name: string,
  flags: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<Rendered> {
  const { exitCode, stderr } = await spotreel(
    ['render', at('scene.blend'), '-o', at('out'), '-n', name, ...flags],
    { environment },
  );
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  const folder = at('out', name);
  const picture = readFileSync(join(folder, 'frames/0001.png'));
  if (isSilent(flags)) return { picture };
  return { picture, sound: await decodeSound(join(folder, 'output.mov')) };
}

const isSilent = (flags: readonly string[]) => flags.includes('none');

const ENGINES: ReadonlyArray<readonly [string, readonly string[]]> = [
  ['Cycles, and the sound,', ['--engine', 'CYCLES', '--video', 'prores']],
  ['EEVEE', ['--engine', 'BLENDER_EEVEE', '--video', 'none']],
];

test.each(fewOrAll('sandbox', ENGINES, ([name]) => name !== 'EEVEE'))(
  '%s gives the same bits in the sandbox as without',
  async (_, flags) => {
    writeFileSync(at('clicks.wav'), clicksWav([0, 0.02], 1));
    await makeScene(at('scene.blend'), SCENE);
    const expected = await render('free', flags, { SPOTREEL_SANDBOX: 'off' });
    const isHeard = expected.sound?.some((sample) => sample !== 0) ?? false;
    expect(isHeard).toBe(!isSilent(flags));
    for (const abi of fewOrAll('sandbox', SANDBOX_ABIS, (one) => one === undefined)) {
      const { picture, sound } = await render(`abi-${abi ?? 'own'}`, flags, abiEnvironment(abi));
      expect({ abi, ...comparePictures(expected.picture, picture) }).toEqual({ abi, mean: 0, max: 0 });
      expect(sound).toEqual(expected.sound);
    }
  },
);
