import { join } from 'node:path';
import { runProgram } from '../../core/processes/run-program';
import type { BlenderAtHand } from './blender-at-hand';

const GPU = join(__dirname, 'gpu.py');

/** Python that has the open file rendered by GPUs. */
export const ON_GPU = `exec(open(${JSON.stringify(GPU)}, encoding="utf-8").read())`;

/** A Blender whose Cycles renders by `device`, and the backend of its GPUs. Throws for another device, or without a GPU. */
export async function withDevice(
  blender: BlenderAtHand,
  device: string,
): Promise<BlenderAtHand & { readonly backend?: string }> {
  if (device === 'cpu') return blender;
  if (device !== 'gpu') throw new Error(`--device is ${device}; it must be cpu or gpu`);
  const { command, isModule, version } = blender;
  const opened = [
    '--background',
    '-noaudio',
    '--factory-startup',
    '--python-exit-code',
    '1',
    '--python',
    GPU,
  ];
  const program = isModule ? [command[0]!, GPU] : [...command, ...opened];
  const output = await runProgram(program, { environment: process.env }).catch(() => undefined);
  const backend = /^GPU: (\w+)$/m.exec(output?.stdout.toString() ?? '')?.[1];
  if (backend !== undefined) return { ...blender, device, backend };
  throw new Error(
    `Cycles of Blender ${version} finds no GPU on this machine (OptiX, CUDA, HIP, oneAPI, Metal); install its driver, or run without --device gpu`,
  );
}
