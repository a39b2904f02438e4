/**
 * `npm run pixels [-- --blender PATH] [--device gpu] [--only NAME,NAME] [--keep]`: renders every scene of `test/pixels` by
 * Spotreel and by plain Blender of the same version and compares the pictures. PATH is a Blender, a Python with the module
 * `bpy`, or `bpy:VERSION` of `.venv-bpy`. `--device gpu` renders both sides of Cycles by GPUs. Ends with 1 if a scene fails;
 * `--keep` leaves the pictures.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '../../core/errors';
import { findBlender } from './blender-at-hand';
import { withDevice } from './device';
import { FEATURES } from './features';
import type { Verdict } from './run-feature';
import { featuresOf, runFeatures } from './run-features';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      blender: { type: 'string', default: 'blender' },
      device: { type: 'string', default: 'cpu' },
      only: { type: 'string' },
      keep: { type: 'boolean', default: false },
    },
  });
  const started = performance.now();
  const blender = await withDevice(await findBlender(values.blender), values.device);
  const possible = featuresOf(blender, FEATURES);
  const wanted = values.only?.split(',');
  const features = wanted ? possible.filter(({ name }) => wanted.includes(name)) : possible;
  if (features.length === 0)
    throw new Error(`Blender ${blender.version} can do none of --only ${values.only}`);
  const folder = mkdtempSync(join(tmpdir(), 'spotreel-pixels-'));
  process.once('exit', () => values.keep || rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  say(
    `Blender ${blender.version}${blender.isModule ? ' (module bpy)' : ''}${blender.backend ? `, Cycles by ${blender.backend}` : ''}: ${features.length} features`,
  );
  const verdicts = await runFeatures(blender, features, folder, report);
  if (values.keep) say(`pictures: ${folder}`);
  const failed = verdicts.filter(({ faults }) => faults.length > 0).length;
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  // As jest words it, so that the gate counts it with the tests.
  const counts = `${failed > 0 ? `${failed} failed, ` : ''}${verdicts.length - failed} passed, ${verdicts.length} total`;
  say(`Pixels: ${counts}, Blender ${blender.version}, ${seconds} s`);
  process.exitCode = failed > 0 ? 1 : 0;
}

function report({ name, faults, notes, seconds }: Verdict): void {
  say(`${faults.length > 0 ? 'FAILED' : 'equal '}  ${name.padEnd(30)} ${seconds.toFixed(1)} s`);
  for (const line of [...faults, ...notes]) say(`        ${line}`);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`pixels: ${messageOf(error)}\n`);
  process.exitCode = 1;
});
