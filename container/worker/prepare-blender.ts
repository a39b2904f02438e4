import { join } from 'node:path';
import { scriptFaults } from '../../core/contract/options';
import type { Manifest } from '../../core/contract/manifest';
import { checkBlenderVersion, parseBlenderVersion } from '../../core/render/blender-version';
import { blenderArgs, mixArgs, type MixStart } from './blender-args';
import type { SessionOptions } from './blender-session';
import { programEnvironment } from './program-environment';
import { blenderVersion, findProgram } from './programs';
import { sandboxed } from './sandbox';
import { ocioOfScene } from './ocio-of-scene';
import { fetchScene } from './scene-files';
import type { WorkerContext } from './worker-context';

/** Generous: some scenes take long to open, and say nothing meanwhile. */
const USUAL_HANG_SECONDS = 3600;

/** How Blender is started on the scene of a manifest; the same for every start of a slice. */
export interface PreparedBlender extends Pick<SessionOptions, 'hangSeconds' | 'memoryMib'> {
  /** Its path and arguments, in the sandbox. */
  readonly command: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** Where it saves frames. */
  readonly directory: string;
}

/**
 * Finds Blender, refuses one older than the file, and fetches the scene and its files. Throws `no-program`, `blender-too-old`,
 * `scripts-refused`, and storage's `not-found` and `changed`.
 */
export async function prepareBlender(manifest: Manifest, context: WorkerContext): Promise<PreparedBlender> {
  const directory = context.scratch.saved;
  const prepared = await prepare(manifest, context, (file, threads) => {
    const script = join(__dirname, 'render_frames.py');
    return blenderArgs({ file, manifest, directory, script, threads });
  });
  return { ...prepared, directory };
}

/** The same for mixing the sound of these frames into the FLAC file at `path`. */
export async function prepareMix(
  manifest: Manifest,
  frames: MixStart['frames'],
  path: string,
  context: WorkerContext,
): Promise<Omit<PreparedBlender, 'directory'>> {
  const { dependencies = [] } = manifest;
  const heard = { ...manifest, dependencies: dependencies.filter((file) => !isPicture(file.path)) };
  return prepare(heard, context, (file, threads) =>
    mixArgs({ file, manifest, script: join(__dirname, 'mix_sound.py'), threads, frames, path }),
  );
}

/** Most of what a scene needs, and nothing that is heard. */
const isPicture = (path: string): boolean =>
  /\.(png|jpe?g|exr|hdr|tiff?|tga|bmp|webp|psd|dds|vdb)$/i.test(path);

async function prepare(
  manifest: Manifest,
  context: WorkerContext,
  argsFor: (file: string, threads: number) => string[],
): Promise<Omit<PreparedBlender, 'directory'>> {
  const { environment, scratch } = context;
  refuseScripts(manifest, environment);
  const blender = findProgram('blender', environment);
  const forBlender = programEnvironment(environment, scratch.blender);
  if (!manifest.options.force) await checkVersion(manifest, blender, forBlender, environment);
  const file = await fetchScene(manifest, context);
  const ocio = ocioOfScene(manifest, file);
  const args = argsFor(file, Number(environment.SPOTREEL_THREADS ?? 0));
  const { SPOTREEL_HANG_SECONDS, SPOTREEL_MEMORY_MIB } = environment;
  return {
    command: sandboxed(
      [blender, ...args],
      { write: [scratch.blender, scratch.saved], events: true },
      environment,
    ),
    environment: { ...forBlender, ...(ocio !== undefined && { OCIO: ocio }) },
    hangSeconds: Number(SPOTREEL_HANG_SECONDS ?? USUAL_HANG_SECONDS),
    ...(SPOTREEL_MEMORY_MIB !== undefined && { memoryMib: Number(SPOTREEL_MEMORY_MIB) }),
  };
}

/**
 * The manifest alone does not let scripts run: on a farm it lies in a bucket that others may write to. `SPOTREEL_ALLOW_SCRIPTS` comes
 * from the job definition there, and from the command line here. AWS Batch lets SubmitJob change it, and also the whole command: whoever
 * may submit jobs may run anything in them anyhow.
 */
function refuseScripts({ options }: Manifest, { SPOTREEL_ALLOW_SCRIPTS }: NodeJS.ProcessEnv): void {
  const [fault] = scriptFaults(options, { allowsScripts: SPOTREEL_ALLOW_SCRIPTS === '1' });
  if (fault) throw fault;
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
