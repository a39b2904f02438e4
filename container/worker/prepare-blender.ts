import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest } from '../../core/contract/manifest';
import { checkBlenderVersion, parseBlenderVersion } from '../../core/render/blender-version';
import { blenderArgs } from './blender-args';
import { blenderEnvironment } from './blender-environment';
import { blenderVersion, findProgram } from './programs';
import { fetchScene } from './scene-files';
import type { WorkerContext } from './worker-context';

/** How Blender is started on the scene of a manifest; the same for every start of a slice. */
export interface PreparedBlender {
  readonly blender: string;
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** Where it saves frames. */
  readonly directory: string;
}

/**
 * Finds Blender, refuses one older than the file, and fetches the scene and its files. Throws `no-program`, `blender-too-old`, and
 * storage's `not-found` and `changed`.
 */
export async function prepareBlender(manifest: Manifest, context: WorkerContext): Promise<PreparedBlender> {
  const { environment, scratch } = context;
  const blender = findProgram('blender', environment);
  const forBlender = blenderEnvironment(environment, scratch);
  if (!manifest.options.force) await checkVersion(manifest, blender, forBlender, environment);
  const file = await fetchScene(manifest, context);
  const directory = join(scratch, 'frames');
  await mkdir(directory, { recursive: true });
  const script = join(__dirname, 'render_frames.py');
  const threads = Number(environment.SPOTREEL_THREADS ?? 0);
  const args = blenderArgs({ file, manifest, directory, script, threads });
  return { blender, args, environment: forBlender, directory };
}

async function checkVersion(
  { source, blenderVersion: needed }: Manifest,
  blender: string,
  forBlender: NodeJS.ProcessEnv,
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  // Starting Blender to ask costs as much as a small frame, so whoever started this worker may have asked before.
  const version = parseBlenderVersion(environment.SPOTREEL_BLENDER_VERSION ?? '');
  checkBlenderVersion(needed, version ?? (await blenderVersion(blender, forBlender)), source.url, 'here');
}
