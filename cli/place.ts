import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { posix } from 'node:path';
import type { BatchClientConfig } from '@aws-sdk/client-batch';
import { codeOf, SpotreelError } from '../core/errors';
import type { Batch } from '../core/jobs/batch';
import type { FarmDescription } from '../core/jobs/farm';
import { describeRanges, framesOf, parseFrameRanges } from '../core/render/frames';
import { checkRenderName } from '../core/render/keys';
import type { Manifest } from '../core/render/manifest';
import { isOcio, OCIO_ALLOWED, OPTION_NAMES, ocioOf, type RenderOptions } from '../core/render/options';
import { Render } from '../core/render/render';
import { newestRender } from '../core/status/list';
import { type Look, RenderLook } from '../core/status/look';
import {
  childUrl,
  filePath,
  formatLocation,
  keyUrl,
  type ObjectHead,
  parseLocation,
  type Storage,
  StorageError,
} from '../core/storage/storage';
import { printableName } from '../core/text';

/** The scene that a user names, a file or `s3://bucket/key`. Throws `not-found`. */
export async function findSource(text: string, storage: Storage): Promise<ObjectHead> {
  const url = parseLocation(text, process.cwd());
  const head = await storage.head(url);
  if (head) return head;
  throw new StorageError('not-found', url, await absence(url));
}

async function absence(url: URL): Promise<string> {
  const place = formatLocation(url);
  if (url.protocol !== 'file:') return `there is no object ${place}: check the bucket and the key`;
  const stats = await stat(filePath(url)).catch((error: unknown) => codeOf(error));
  if (typeof stats !== 'object')
    return `there is no file ${place}: check the path, and that the drive is mounted`;
  if (stats.isDirectory()) return `${place} is a folder: give the .blend in it`;
  return `${place} is a pipe or a device: give a .blend`;
}

/** The folder of this machine that a user names by `-o`. Throws `bad-output`. */
export function localFolder(folder: string): URL {
  const url = parseLocation(`${folder}/`, process.cwd());
  if (url.protocol === 'file:') return url;
  throw new SpotreelError(
    'bad-output',
    'usage',
    `-o ${folder} is not a folder of this machine; give one, such as -o renders`,
  );
}

/** The plan's frames that `--frames` names. Throws `bad-usage` where there are none. */
export function namedFrames(text: string, { frames }: Pick<Manifest, 'frames'>): Set<number> {
  const planned = new Set(framesOf(frames));
  const named = [...framesOf(parseFrameRanges(text))].filter((frame) => planned.has(frame));
  if (named.length > 0) return new Set(named);
  const message = `--frames ${printableName(text)}: this render has no such frames, only ${describeRanges(frames)}`;
  throw new SpotreelError('bad-usage', 'usage', message);
}

/** By which a user says where renders lie. */
export interface PlaceFlags {
  /** A folder of this machine, or `s3://bucket/prefix`. */
  readonly output?: string;
  /** A deployed farm's name. */
  readonly farm?: string;
}

/** The same flags, for a command that a message names. Pure. */
export function formatPlace({ output, farm }: PlaceFlags): string {
  return `${output === undefined ? '' : ` -o ${output}`}${farm === undefined ? '' : ` --farm ${farm}`}`;
}

/** Where renders lie, and who runs them there. */
export interface Place {
  /** The folder under which each render has its own. */
  readonly output: URL;
  /** AWS Batch; absent on this machine, where each render's own folder holds its Batch. */
  readonly batch?: Batch;
  /** Absent where no farm was looked up. */
  readonly farm?: FarmDescription;
}

/** What `render` writes to where nothing else is said. */
export const LOCAL_OUTPUT = 'renders';

/**
 * The folder of `-o` or the bucket of `--farm`; with both, a folder of that farm. Without them `SPOTREEL_FARM_NAME`, then
 * `./renders`. `client` configures AWS Batch, if the place is on AWS. Throws `no-renders`, and what `readFarm` throws.
 */
export async function findPlace(
  { output, farm }: PlaceFlags,
  client: BatchClientConfig = {},
): Promise<Place> {
  if (output !== undefined) {
    const url = parseLocation(output.endsWith('/') ? output : `${output}/`, process.cwd());
    if (url.protocol !== 's3:') return { output: url };
    const named = farm === undefined ? {} : { farm: await farmNamed(farm) };
    return { output: url, batch: await awsBatch(client), ...named };
  }
  const name = farm ?? process.env.SPOTREEL_FARM_NAME;
  if (name === undefined) {
    if (!existsSync(LOCAL_OUTPUT)) throw noRenders();
    return { output: parseLocation(`${LOCAL_OUTPUT}/`, process.cwd()) };
  }
  const description = await farmNamed(name);
  const bucket = keyUrl('s3:', description.bucket, '');
  return {
    output: childUrl(bucket, description.outputPrefix),
    batch: await awsBatch(client),
    farm: description,
  };
}

function noRenders(): SpotreelError {
  const message = `no renders here: there is no folder ./${LOCAL_OUTPUT}; go to the folder of the project, name its renders with -o, or name a farm with --farm`;
  return new SpotreelError('no-renders', 'usage', message);
}

/** Loads the SDK only where a farm is asked for. */
async function farmNamed(name: string): Promise<FarmDescription> {
  const [{ SSMClient }, { readFarm }] = await Promise.all([
    import('@aws-sdk/client-ssm'),
    import('../core/jobs/aws-farm'),
  ]);
  return readFarm(name, new SSMClient({}));
}

/** Loaded once it is needed: on one machine it never is. */
async function awsBatch(client: BatchClientConfig): Promise<Batch> {
  const [{ BatchClient }, { AwsBatch }] = await Promise.all([
    import('@aws-sdk/client-batch'),
    import('../core/jobs/aws-batch'),
  ]);
  return new AwsBatch(new BatchClient(client));
}

/** The render of this name, which may be missing. Throws `no-render` for a name that no render can have. */
function renderNamed(renderId: string, { output }: Pick<Place, 'output'>, storage: Storage): Render {
  // `..` and what is more than one name would lead to other folders than a render's own.
  try {
    return Render.at(output, checkRenderName(renderId), storage);
  } catch {
    throw noRender(renderId, output);
  }
}

/** A render and its plan. Throws `no-render` naming the place, `bad-manifest`, `newer-manifest`. */
export async function findRender(
  renderId: string,
  { output }: Pick<Place, 'output'>,
  storage: Storage,
): Promise<{ readonly render: Render; readonly manifest: Manifest }> {
  const render = renderNamed(renderId, { output }, storage);
  const manifest = await render.manifest.read();
  if (!manifest) throw noRender(renderId, output);
  return { render, manifest };
}

/** The same for callers that need no plan: `manifest` is absent if it is damaged, and `fault` says why. */
export async function findFolder(
  renderId: string,
  place: Pick<Place, 'output'>,
  storage: Storage,
): Promise<{ readonly render: Render; readonly manifest?: Manifest; readonly fault?: SpotreelError }> {
  try {
    return await findRender(renderId, place, storage);
  } catch (error) {
    if (!(error instanceof SpotreelError) || !PLAN_FAULTS.has(error.code)) throw error;
    return { render: renderNamed(renderId, place, storage), fault: error };
  }
}

const PLAN_FAULTS: ReadonlySet<string> = new Set(['bad-manifest', 'newer-manifest', 'denied']);

/** The render that is named, else the newest in the place. Throws `no-render` if there is none. */
export async function renderOrNewest(
  renderId: string | undefined,
  { output }: Pick<Place, 'output'>,
  storage: Storage,
): Promise<string> {
  const id = renderId ?? (await newestRender(output, storage));
  if (id === undefined) throw noRender('', output);
  return id;
}

/**
 * What `status` and `watch` look at: the render of this id, without one the newest in the place, to be looked at again and
 * again. Throws `no-render`.
 */
export async function lookAtRender(
  renderId: string | undefined,
  { output, batch }: Place,
  storage: Storage,
): Promise<{ readonly render: Render; readonly look: () => Promise<Look> }> {
  const id = await renderOrNewest(renderId, { output }, storage);
  const render = renderNamed(id, { output }, storage);
  const looking = new RenderLook({ render, batch, now: Date.now });
  const look = async () => {
    const seen = await looking.look();
    if (!seen) throw noRender(id, output);
    return seen;
  };
  return { render, look };
}

function noRender(renderId: string, output: URL, cause?: unknown): SpotreelError {
  const named = renderId === '' ? '' : ` "${renderId}"`;
  const message = `there is no render${named} in ${formatLocation(output)}; run "spotreel list" to list renders, or name another place with -o or --farm`;
  return new SpotreelError('no-render', 'usage', message, { cause });
}

/** What a render has for people to open: paths or URLs. */
export interface ToOpen {
  readonly report?: string;
  /** The frame of a still. */
  readonly picture?: string;
}

/** Two small requests at most. */
export async function findToOpen(render: Render, frameCount: number | undefined): Promise<ToOpen> {
  const { reportUrl, storage } = render;
  const hasReport = (await storage.head(reportUrl)) !== undefined;
  let picture: string | undefined;
  if (frameCount === 1)
    for await (const { object } of render.frameFiles()) picture ??= formatLocation(object.url);
  return {
    ...(picture !== undefined && { picture }),
    ...(hasReport && { report: formatLocation(reportUrl) }),
  };
}

/** The last lines of a command that ends with a finished render. */
export const linesToOpen = ({ picture, report }: ToOpen): string[] => [
  ...(picture === undefined ? [] : [`picture: ${picture}`]),
  ...(report === undefined ? [] : [`report: ${report}`]),
];

/** The flags of a render's options, read by `withShotOptions`. */
export interface OptionFlags extends Omit<RenderOptions, 'ocio'> {
  /** A path as the user writes it, or `ocio://name`; `ocioOption` makes the option of it. */
  readonly ocio?: string;
}

/** The options among a command's flags, without `ocio`. */
export function renderOptionsOf(flags: OptionFlags): RenderOptions {
  const names = OPTION_NAMES.filter((name) => name !== 'ocio' && flags[name] !== undefined);
  return Object.fromEntries(names.map((name) => [name, flags[name]]));
}

/**
 * The option `ocio` for the scene at `scene`: of `--ocio`, a path of this machine for a scene on this machine, else a path from the
 * scene's folder in its bucket. On one machine the variable `OCIO` stands in for the flag, so that it is part of what makes a render
 * the same; one that no option can name is left to Blender. Throws `bad-options`.
 */
export function ocioOption(
  flag: string | undefined,
  scene: URL,
  { OCIO }: Readonly<Record<string, string | undefined>> = {},
): Pick<RenderOptions, 'ocio'> {
  if (flag === undefined) {
    const ocio = OCIO ? besideScene(OCIO, scene) : '';
    const isPossible = isOcio(ocio) && (scene.protocol === 'file:' || ocio.startsWith('ocio://'));
    return isPossible ? { ocio } : {};
  }
  const ocio = besideScene(flag, scene);
  if (flag !== '' && isOcio(ocio)) return { ocio };
  throw new SpotreelError(
    'bad-options',
    'usage',
    `--ocio ${printableName(flag)} is invalid: give ${OCIO_ALLOWED}`,
  );
}

function besideScene(text: string, scene: URL): string {
  if (text.startsWith('ocio://') || text.startsWith('//')) return text;
  if (scene.protocol !== 'file:') return ocioOf(text);
  const file = filePath(parseLocation(text === '' ? '.' : text, process.cwd()));
  return `//${posix.relative(posix.dirname(filePath(scene)), file)}`;
}
