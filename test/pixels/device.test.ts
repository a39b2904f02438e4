import { chmodSync, writeFileSync } from 'node:fs';
import { useScratchFolder } from '../support/scratch-folder';
import { withDevice } from './device';
import { plainlyOf } from './plain-blender';
import { deviceFlags } from './run-feature';

const at = useScratchFolder();

/** A fake Blender that only prints this. */
function fakeBlender(output: string) {
  writeFileSync(at('blender'), `#!/bin/sh\necho '${output}'\n`);
  chmodSync(at('blender'), 0o755);
  return { command: [at('blender')], version: '5.2.3', isModule: false };
}

test('--device gpu renders both sides by the GPUs of the backend that Cycles finds', async () => {
  const blender = await withDevice(fakeBlender('GPU: OPTIX'), 'gpu');
  expect(blender).toMatchObject({ device: 'gpu', backend: 'OPTIX' });
  expect(plainlyOf({ plainly: 'x = 1' }, blender)).toMatch(/^exec\(open\(".*gpu\.py".*\nx = 1$/);
  expect(deviceFlags(blender)).toEqual(['--device', 'gpu']);
});

test('--device cpu changes neither side', async () => {
  const blender = await withDevice(fakeBlender(''), 'cpu');
  expect(plainlyOf({ plainly: 'x = 1' }, blender)).toBe('x = 1');
  expect(deviceFlags(blender)).toEqual([]);
});

test('--device gpu without a GPU says what to do', async () => {
  await expect(withDevice(fakeBlender('RuntimeError: Cycles finds no GPU'), 'gpu')).rejects.toThrow(
    'Cycles of Blender 5.2.3 finds no GPU on this machine (OptiX, CUDA, HIP, oneAPI, Metal); install its driver, or run without --device gpu',
  );
});

test('--device accepts only cpu and gpu', async () => {
  await expect(withDevice(fakeBlender(''), 'tpu')).rejects.toThrow('--device is tpu; it must be cpu or gpu');
});
