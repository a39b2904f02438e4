import { join } from 'node:path';
import { checkBlenderVersion, parseBlenderVersion } from '../../../core/render/blender-version';
import type { Manifest } from '../../../core/render/manifest';
import { scriptFaults } from '../../../core/render/options';
import type { WorkerContext } from '../context';
import { fetchScene, ocioOfScene } from '../files/scene-files';
import { askBlenderVersion, findProgram, programEnvironment, sandboxed } from '../programs';
import type { SessionOptions } from './session';

/** What Blender is started with. */
export interface BlenderStart {
  /** The `.blend` on this machine. */
  readonly file: string;
  readonly manifest: Pick<Manifest, 'scene' | 'options'> & Partial<Pick<Manifest, 'engine' | 'colors'>>;
  /** Where the frames are saved. */
  readonly directory: string;
  /** The script that renders frame after frame. */
  readonly script: string;
  /** 0: as many as there are cores. */
  readonly threads: number;
}

/**
 * Blender's argument list. The order matters: Blender acts on each argument as it meets it. `-Y` (scripts off; `-y`: on) must
 * stand before the file, or its scripts have run by then; factory settings come first so that nobody's add-ons and preferences change
 * the pictures; `-S` only prints a line for an unknown scene, so the script checks it again. Not `-F`: the script is to see
 * which format the scene itself has, and says where frames are saved, too.
 */
export function blenderArgs({ file, manifest, directory, script, threads }: BlenderStart): string[] {
  const { scene, options } = manifest;
  const { camera, engine, samples, resolutionPercent, device, force, allowScripts } = options;
  const sceneEngine = engine === undefined ? manifest.engine : undefined;
  const asked = { camera, engine, sceneEngine, samples, resolutionPercent, device, force, allowScripts };
  const { colors } = manifest;
  const job = { scene, directory, colors, ...asked };
  return [...opening(file, scene, allowScripts), ...running(script, threads, job)];
}

/** What Blender is started with to mix the sound of a scene. */
interface MixStart extends Pick<BlenderStart, 'file' | 'manifest' | 'script' | 'threads'> {
  /** Both inclusive. */
  readonly frames: { readonly start: number; readonly end: number };
  /** Of the FLAC file. */
  readonly path: string;
}

/** Blender's argument list to mix sound, in the same order. A mixdown needs no audio device, so `-noaudio` does no harm. */
export function mixArgs({ file, manifest, script, threads, frames, path }: MixStart): string[] {
  const { scene, options } = manifest;
  const { start, end } = frames;
  return [
    ...opening(file, scene, options.allowScripts),
    ...running(script, threads, { scene, camera: options.camera, start, end, path }),
  ];
}

function opening(file: string, scene: string, allowScripts = false): string[] {
  const scripts = allowScripts ? '-y' : '-Y';
  return ['--background', '-noaudio', '--factory-startup', scripts, file, '-S', scene];
}

function running(script: string, threads: number, job: object): string[] {
  const python = ['--python-exit-code', '1', '--python', script];
  return ['-t', String(threads), ...python, '--', JSON.stringify(job)];
}

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
  const args = argsFor(file, manifest.options.threads ?? Number(environment.SPOTREEL_THREADS ?? 0));
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
  checkBlenderVersion(needed, version ?? (await askBlenderVersion(blender, forBlender)), source.url, 'here');
}
