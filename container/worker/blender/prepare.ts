import { basename, join, posix } from 'node:path';
import { mapConcurrently } from '../../../core/concurrency';
import { SpotreelError } from '../../../core/errors';
import { checkBlenderVersion, parseBlenderVersion } from '../../../core/render/blender-version';
import { isProjectPath, type Manifest } from '../../../core/render/manifest';
import { isBuiltInOcio, readOption, type RenderOptions, scriptFaults } from '../../../core/render/options';
import { mayNeed, placeOnDisk } from '../../../core/scene/project/paths';
import { bucketAndKey, parseLocation, type Storage, StorageError } from '../../../core/storage/storage';
import { printableName } from '../../../core/text';
import { stoppedError, type WorkerContext } from '../context';
import { downloadTo, type FileCache, openFileCache, openKernelCache, type SceneFile } from '../file-cache';
import { askBlenderVersion, findProgram, programEnvironment, sandboxed } from '../programs';
import type { SessionOptions } from './session';

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
  const { camera, engine, samples, resolutionPercent, device, force, allowScripts, persistentData } = options;
  const sceneEngine = engine === undefined ? manifest.engine : undefined;
  const asked = {
    camera,
    engine,
    sceneEngine,
    samples,
    resolutionPercent,
    device,
    force,
    allowScripts,
    persistentData,
  };
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
export async function prepareBlender(planned: Manifest, context: WorkerContext): Promise<PreparedBlender> {
  const directory = context.scratch.saved;
  const manifest = { ...planned, options: withDefaults(planned.options, context.environment) };
  const kernels = await findKernels(manifest, context.environment);
  const argsFor = (file: string, threads: number) => {
    const script = join(__dirname, 'render_frames.py');
    return blenderArgs({ file, manifest, directory, script, threads });
  };
  const prepared = await prepare(manifest, context, argsFor, kernels);
  return { ...prepared, directory };
}

/** The farm's default where a plan does not choose. Another value counts as none. Pure. */
export function withDefaults(
  options: RenderOptions,
  { SPOTREEL_PERSISTENT_DATA: keeps = '' }: NodeJS.ProcessEnv,
): RenderOptions {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- readOption checks the row's schema
  const persistentData = readOption('persistentData', keeps) as RenderOptions['persistentData'];
  return { persistentData, ...options };
}

/** Bytes of each cache of compiled kernels, beyond which its driver removes old ones. */
const KERNEL_BYTES = String(512 * 1024 * 1024);

/** The folder of the render's GPU kernels; `undefined` for a render on processors, or without a cache. */
async function findKernels(
  manifest: Manifest,
  { SPOTREEL_KERNELS, SPOTREEL_BLENDER_VERSION }: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  if (!SPOTREEL_KERNELS || manifest.options.device !== 'GPU') return undefined;
  return openKernelCache(SPOTREEL_KERNELS, { manifest, SPOTREEL_BLENDER_VERSION });
}

/**
 * Where NVIDIA's drivers keep kernels that they compile, CUDA's and OptiX's:
 * https://docs.nvidia.com/cuda/cuda-programming-guide/05-appendices/environment-variables.html
 * https://raytracing-docs.nvidia.com/optix7/guide/index.html#context#compilation-caching
 */
const kernelEnvironment = (folder: string) => ({
  CUDA_CACHE_PATH: folder,
  CUDA_CACHE_MAXSIZE: KERNEL_BYTES,
  OPTIX_CACHE_PATH: folder,
  OPTIX_CACHE_MAXSIZE: KERNEL_BYTES,
});

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
  kernels?: string,
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
  const write = [scratch.blender, scratch.saved, ...(kernels ? [kernels] : [])];
  return {
    command: sandboxed([blender, ...args], { write, events: true }, environment),
    environment: {
      ...forBlender,
      ...(kernels && kernelEnvironment(kernels)),
      ...(ocio !== undefined && { OCIO: ocio }),
    },
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

/** Files fetched at a time: many are small, and one connection to S3 carries about 100 MB/s. */
const FETCHED_AT_ONCE = 8;

interface ProjectFile extends SceneFile {
  /** Relative to the project's root. */
  readonly path: string;
}

/**
 * The scene's path on this machine, with its files where its `//` paths expect them. A scene on a disk is used in place. A
 * scene in a bucket is copied to the worker's own folder, which Blender cannot write to, through the cache that
 * `SPOTREEL_CACHE` names, if any. Throws `changed` and `not-found` naming the file, and storage's other errors.
 */
export async function fetchScene(
  manifest: Pick<Manifest, 'source' | 'scenePath' | 'dependencies'>,
  { storage, environment, scratch, signal }: WorkerContext,
): Promise<string> {
  const { source, scenePath, dependencies = [] } = manifest;
  const root = join(scratch.own, 'scene');
  const url = parseLocation(source.url, process.cwd());
  if (url.protocol === 'file:') return storage.fetch(url, root, source.etag);
  const path = scenePath ?? basename(bucketAndKey(url).key);
  const files: ProjectFile[] = [
    { path, url, etag: source.etag, size: source.size },
    ...dependencies.map((file) => ({ ...file, url: urlOf(file, url) })),
  ];
  const cache = await findCache(environment, storage);
  await mapConcurrently(files, FETCHED_AT_ONCE, async (file) => {
    if (signal.aborted) throw stoppedError(signal);
    const target = targetOf(file.path, root);
    await (cache ? cache.take(file, target) : downloadTo(file, target, storage)).catch((error: unknown) => {
      throw gone(error, file);
    });
  });
  return targetOf(path, root);
}

/** Accepts only files of the scene's own project, and files that `submit` stored. Throws `bad-manifest`. */
function urlOf({ url: text, path }: { readonly url: string; readonly path: string }, scene: URL): URL {
  const url = parseLocation(text, process.cwd());
  if (mayNeed(scene, url)) return url;
  throw badManifest(
    `the plan takes the file "${printableName(path)}" from ${printableName(text)}, which is outside the scene's project`,
  );
}

/** `undefined` without a cache, also if its folder cannot be made: the files are then fetched directly. */
async function findCache(
  { SPOTREEL_CACHE: directory }: NodeJS.ProcessEnv,
  storage: Storage,
): Promise<FileCache | undefined> {
  return directory ? openFileCache(directory, storage).catch(() => undefined) : undefined;
}

/** Checks the path again, because the manifest is not trusted: nothing is written outside the folder. */
function targetOf(path: string, root: string): string {
  if (isProjectPath(path)) return join(root, path);
  throw badManifest(`the plan has a file "${printableName(path)}", which leads out of its project`);
}

function badManifest(fault: string): SpotreelError {
  return new SpotreelError('bad-manifest', 'scene', `${fault}: submit the scene again`);
}

/** Explains a file that has gone missing since the render was planned. */
function gone(error: unknown, { url, path }: ProjectFile): unknown {
  if (!(error instanceof StorageError) || error.code !== 'not-found' || error.url.href !== url.href)
    return error;
  const message = `${printableName(path)} existed when the render was planned and is missing now (${printableName(url.href)}): put it back and submit the scene again`;
  return new StorageError('not-found', url, message, { cause: error });
}

/**
 * The value of `OCIO` for the scene at `file`: the configuration that the render names, beside the scene; `undefined` if it
 * names none. Throws `bad-manifest` if the plan lacks that file. Pure.
 */
export function ocioOfScene(
  { options: { ocio }, source, scenePath = '', dependencies = [] }: PlanWithColors,
  file: string,
): string | undefined {
  if (ocio === undefined || isBuiltInOcio(ocio)) return ocio;
  const isInPlace = !/^[a-z0-9]+:\/\//i.test(source.url);
  const path = posix.join(posix.dirname(scenePath), ocio.slice(2));
  if (isInPlace || dependencies.some((one) => one.path === path))
    return placeOnDisk(ocio, posix.dirname(file), '/');
  const message = `the plan lacks the OCIO configuration ${printableName(ocio)}: submit the scene again`;
  throw new SpotreelError('bad-manifest', 'scene', message);
}

type PlanWithColors = Pick<Manifest, 'options' | 'source' | 'scenePath' | 'dependencies'>;
