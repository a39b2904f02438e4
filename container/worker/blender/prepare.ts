import { basename, join, posix } from 'node:path';
import { mapConcurrently } from '../../../core/concurrency';
import { SpotreelError } from '../../../core/errors';
import { checkBlenderVersion, parseBlenderVersion } from '../../../core/render/blender-version';
import { isProjectPath, type Manifest } from '../../../core/render/manifest';
import { isBuiltInOcio, scriptFaults } from '../../../core/render/options';
import { mayNeed, placeOnDisk } from '../../../core/scene/project/paths';
import { bucketAndKey, parseLocation, type Storage, StorageError } from '../../../core/storage/storage';
import { printableName } from '../../../core/text';
import { stoppedError, type WorkerContext } from '../context';
import { downloadTo, type FileCache, openFileCache, type SceneFile } from '../files/cache';
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

/** Files that are fetched at a time: many are small, and a connection to S3 brings some 100 MB/s. */
const FETCHED_AT_ONCE = 8;

interface ProjectFile extends SceneFile {
  /** From the project's root. */
  readonly path: string;
}

/**
 * The scene's path on this machine, with all that it needs beside it as its `//` paths expect. A scene on a disk is used
 * where it lies. One in a bucket is laid out in the worker's own folder, which Blender cannot write to, out of the cache that `SPOTREEL_CACHE` names, if any.
 * Throws `changed` and `not-found` naming the file, and storage's other errors.
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

/** A plan names only files of the scene's own project, and files that `submit` stored. */
function urlOf({ url: text, path }: { readonly url: string; readonly path: string }, scene: URL): URL {
  const url = parseLocation(text, process.cwd());
  if (mayNeed(scene, url)) return url;
  throw badManifest(
    `the plan takes the file "${printableName(path)}" from ${printableName(text)}, which is outside the scene's project`,
  );
}

/** A cache whose folder can't be made is none: the files are fetched all the same. */
async function findCache(
  { SPOTREEL_CACHE: directory }: NodeJS.ProcessEnv,
  storage: Storage,
): Promise<FileCache | undefined> {
  return directory ? openFileCache(directory, storage).catch(() => undefined) : undefined;
}

/** Once more, whoever wrote the manifest: nothing is written outside the folder. */
function targetOf(path: string, root: string): string {
  if (isProjectPath(path)) return join(root, path);
  throw badManifest(`the plan has a file "${printableName(path)}", which leads out of its project`);
}

function badManifest(fault: string): SpotreelError {
  return new SpotreelError('bad-manifest', 'scene', `${fault}: submit the scene again`);
}

/** A file that was there when the render was planned. */
function gone(error: unknown, { url, path }: ProjectFile): unknown {
  if (!(error instanceof StorageError) || error.code !== 'not-found' || error.url.href !== url.href)
    return error;
  const message = `${printableName(path)} was there when the render was planned and is gone (${printableName(url.href)}): put it back and submit the scene again`;
  return new StorageError('not-found', url, message, { cause: error });
}

/**
 * What `OCIO` is for the scene that was placed at `file`: the configuration that its render asks for, beside it; `undefined` where
 * it asks for none. Throws `bad-manifest` for a configuration that is none of the plan's files. Pure.
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
