import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Stack, Stage } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { addOcio } from './ocio-context';

const ROOT = join(__dirname, '../..');

/** What `npm run build` makes of the worker: `container/Dockerfile` copies all of it. */
export const WORKER_FILES: readonly string[] = [
  'worker.js',
  ...readdirSync(join(ROOT, 'container/worker')).filter((name) => /\.(py|pl)$/.test(name)),
  'supervise.pl',
];

/** Of each app, the folder that has been put together for it. */
const CONTEXTS = new WeakMap<Construct, string>();

/**
 * What the worker's image is built from, in a folder with nothing else in it: the same for all of an app's images. Bundled
 * anew at every synth, so that no stale worker is ever deployed. It lies in the app's output, `cdk.out`, like all else that
 * a synth leaves. `ocio` is the path of the OpenColorIO configuration that all of its renders have. Throws `SettingsError`.
 */
export function imageContext(scope: Construct, ocio?: string): string {
  const stage = Stage.of(scope)!;
  const made = CONTEXTS.get(stage);
  if (made !== undefined) return made;
  const folder = join(stage.assetOutdir, 'worker-image');
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(ROOT, 'container/Dockerfile'), join(folder, 'Dockerfile'));
  if (ocio !== undefined) addOcio(ocio, folder);
  // False where a caller needs no bundles: tests of templates, `cdk ls`.
  if (Stack.of(scope).bundlingRequired) {
    execFileSync(process.execPath, [join(ROOT, 'scripts/build.mjs')], {
      cwd: ROOT,
      stdio: ['ignore', 2, 2],
    });
    for (const file of WORKER_FILES) copyFileSync(join(ROOT, 'dist', file), join(folder, file));
  }
  CONTEXTS.set(stage, folder);
  return folder;
}
