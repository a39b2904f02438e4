import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

/** In the package, all files of lib/ are one bundle, and lie with every file that they need in one folder. */
const IS_PACKAGE = basename(__filename) === 'cdk.js';
const ROOT = join(__dirname, '..');
const DIST = IS_PACKAGE ? __dirname : join(ROOT, 'dist');

/** A file of the repository by its path there. The build puts a copy into the package. */
export function sourceFile(path: string): string {
  return IS_PACKAGE ? join(DIST, basename(path)) : join(ROOT, path);
}

/** The files of the worker, which `npm run build` makes and `container/Dockerfile` copies. */
export const WORKER_FILES: readonly string[] = [
  'worker.js',
  'aws.js',
  'aws-s3.js',
  ...readdirSync(IS_PACKAGE ? DIST : join(ROOT, 'container/worker/blender')).filter((name) =>
    name.endsWith('.py'),
  ),
  'sandbox.pl',
  'supervise.pl',
];

let isBuilt = IS_PACKAGE;

/**
 * The folder of bundles; `undefined` for a synth that needs none, such as `cdk ls` and tests of templates. In a checkout,
 * every synth bundles again, so that no stale code is deployed.
 */
export function bundles(scope: Construct): string | undefined {
  if (IS_PACKAGE) return DIST;
  if (!Stack.of(scope).bundlingRequired) return undefined;
  if (!isBuilt) {
    const build = join(ROOT, 'scripts/build.mjs');
    execFileSync(process.execPath, [build], { cwd: ROOT, stdio: ['ignore', 2, 2] });
    isBuilt = true;
  }
  return DIST;
}

/** The folder with the bundle of a Lambda; without bundles, the folder of its source. */
export function lambdaFolder(scope: Construct, name: string): string {
  return join(bundles(scope) ?? ROOT, 'lambda', name);
}
