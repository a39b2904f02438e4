import { join } from 'node:path';
import { checkBlenderVersion, parseBlenderVersion } from '../../../core/render/blender-version';
import { type Manifest } from '../../../core/render/manifest';
import { scriptFaults } from '../../../core/render/options';
import { type WorkerContext } from '../context';
import { askBlenderVersion, findProgram, programEnvironment, sandboxed } from '../programs';
import type { SessionOptions } from './session';
import { fetchScene, ocioOfScene } from '../files/scene-files';

/** Options of a Blender that renders frames. */
export interface BlenderStart {
  /** The `.blend` on this machine. */
  readonly file: string;
  readonly manifest: Pick<Manifest, 'scene' | 'options'> & Partial<Pick<Manifest, 'engine' | 'colors'>>;
  /** Where the frames are saved. */
  readonly directory: string;
  /** The script that renders frame after frame. */
  readonly script: string;
  /** 0: one for each core. */
  readonly threads: number;
}

/**
 * Blender's argument list. The order matters, because Blender acts on each argument in turn:
 * - Factory settings come first, so that no user's add-ons and preferences change the pictures.
 * - `-Y` (scripts off; `-y`: on) must come before the file, or the file's scripts have already run.
 * - `-S` only prints a line for an unknown scene, so the script checks it again.
 * - `-F` is absent: the script must see the scene's own format, and sets where frames are saved.
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

/** Options of a Blender that mixes the sound of a scene. */
interface MixStart extends Pick<BlenderStart, 'file' | 'manifest' | 'script' | 'threads'> {
  /** Both inclusive. */
  readonly frames: { readonly start: number; readonly end: number };
  /** Where the FLAC file is saved. */
  readonly path: string;
}

/** Blender's argument list to mix sound, in the same order. `-noaudio` is harmless: a mixdown needs no audio device. */
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

/** Long, because some scenes take long to open and print nothing meanwhile. */
const USUAL_HANG_SECONDS = 3600;

/** How to start Blender on the scene of a manifest; the same for every start of a slice. */
export interface PreparedBlender extends Pick<SessionOptions, 'hangSeconds' | 'memoryMib'> {
  /** Its path and arguments, in the sandbox. */
  readonly command: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** Where it saves frames. */
  readonly directory: string;
}

/**
 * Finds Blender, refuses one older than the file, and fetches the scene and its files. Throws `no-program`,
 * `blender-too-old`, `scripts-refused`, and storage's `not-found` and `changed`.
 */
export async function prepareBlender(manifest: Manifest, context: WorkerContext): Promise<PreparedBlender> {
  const directory = context.scratch.saved;
  const prepared = await prepare(manifest, context, (file, threads) => {
    const script = join(__dirname, 'render_frames.py');
    return blenderArgs({ file, manifest, directory, script, threads });
  });
  return { ...prepared, directory };
}

/** Like `prepareBlender`, but to mix the sound of these frames into the FLAC file at `path`. */
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

/** Whether a file certainly has no sound; most files of a scene are pictures. */
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
 * The manifest alone does not allow scripts: on a farm, others may write to its bucket. `SPOTREEL_ALLOW_SCRIPTS` comes from
 * the job definition there, and from the command line here. SubmitJob can change it, but also the whole command: users who
 * may submit jobs can run anything in them.
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
  // Starting Blender to ask takes as long as a small frame, so the variable can hold an earlier answer.
  const version = parseBlenderVersion(environment.SPOTREEL_BLENDER_VERSION ?? '');
  checkBlenderVersion(needed, version ?? (await askBlenderVersion(blender, forBlender)), source.url, 'here');
}
