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
  if (typeof stats !== 'object') {
    const [path, ending] = [filePath(url), '.blend'];
    if (existsSync(path + ending))
      return `there is no file ${place}: give ${posix.basename(path)}${ending}, which is in the same folder`;
    return `there is no file ${place}: check the path, and that the drive is mounted`;
  }
  if (stats.isDirectory()) return `${place} is a folder: give the .blend in it`;
  return `${place} is a pipe or a device: give a .blend`;
}

/** The local folder of `-o`. Throws `bad-output`. */
export function localFolder(folder: string): URL {
  const url = parseLocation(`${folder}/`, process.cwd());
  if (url.protocol === 'file:') return url;
  throw new SpotreelError(
    'bad-output',
    'usage',
    `-o ${folder} is not a folder of this machine; give one, such as -o renders`,
  );
}

/** The frames of the plan that `--frames` names. Throws `bad-usage` if there are none. */
export function namedFrames(text: string, { frames }: Pick<Manifest, 'frames'>): Set<number> {
  const planned = new Set(framesOf(frames));
  const named = [...framesOf(parseFrameRanges(text))].filter((frame) => planned.has(frame));
  if (named.length > 0) return new Set(named);
  const message = `--frames ${printableName(text)}: this render has no such frames, only ${describeRanges(frames)}`;
  throw new SpotreelError('bad-usage', 'usage', message);
}

/** Flags that say where renders are. */
export interface PlaceFlags {
  /** Local folder or `s3://bucket/prefix`. */
  readonly output?: string;
  /** Name of a deployed farm. */
  readonly farm?: string;
}

/** The same flags for a command in a message. Pure. */
export function formatPlace({ output, farm }: PlaceFlags): string {
  return `${output === undefined ? '' : ` -o ${output}`}${farm === undefined ? '' : ` --farm ${farm}`}`;
}

/** Where renders are, and who runs them. */
export interface Place {
  /** Folder with a subfolder per render. */
  readonly output: URL;
  /** AWS Batch; absent on this machine, where each render's folder holds a local Batch. */
  readonly batch?: Batch;
  /** Absent if no farm was looked up. */
  readonly farm?: FarmDescription;
}

/** Default output of `render`. */
export const LOCAL_OUTPUT = 'renders';

/**
 * The folder of `-o` or the bucket of `--farm`; with both, a folder of that farm. The defaults are
 * `SPOTREEL_FARM_NAME`, then `./renders`. `client` configures AWS Batch. Throws `no-renders`, and what `readFarm`
 * throws.
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

/** Loads the SDK only for a farm. */
async function farmNamed(name: string): Promise<FarmDescription> {
  const [{ SSMClient }, { readFarm }] = await Promise.all([
    import('@aws-sdk/client-ssm'),
    import('../core/jobs/aws-farm'),
  ]);
  return readFarm(name, new SSMClient({}));
}

/** Loaded only for a farm. */
async function awsBatch(client: BatchClientConfig): Promise<Batch> {
  const [{ BatchClient }, { AwsBatch }] = await Promise.all([
    import('@aws-sdk/client-batch'),
    import('../core/jobs/aws-batch'),
  ]);
  return new AwsBatch(new BatchClient(client));
}

/** The render with this name, which may be missing. Throws `no-render` for an invalid name. */
function renderNamed(renderId: string, { output }: Pick<Place, 'output'>, storage: Storage): Render {
  // `..` and names with several parts would leave the folder of the render.
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

/** The same without a required plan: `manifest` is absent if it is damaged, and `fault` says why. */
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

/** The named render, else the newest in the place. Throws `no-render` without any. */
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
 * Finds the render for `status` and `watch`, by default the newest, and a function that looks at it. Throws
 * `no-render`.
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

function noRender(renderId: string, output: URL): SpotreelError {
  const place = formatLocation(output);
  const other = 'name another place with -o or --farm';
  const named = renderId === '' ? '' : ` "${renderId}"`;
  const missing = `there is no render${named} in ${place}`;
  const message =
    output.protocol === 'file:' && !existsSync(filePath(output))
      ? `there is no folder ${place}: check the path, or ${other}`
      : renderId === ''
        ? `${missing}; ${other}`
        : `${missing}; run "spotreel list${placeFlags(output)}" to list renders, or ${other}`;
  return new SpotreelError('no-render', 'usage', message);
}

/** The flag that names a place in a command, with a space before it; empty for `./renders`. */
export function placeFlags(output: URL): string {
  if (output.href === parseLocation(`${LOCAL_OUTPUT}/`, process.cwd()).href) return '';
  const place = formatLocation(output);
  return ` -o ${/^[\w./:@%+,=-]+$/.test(place) ? place : `'${place.replaceAll("'", String.raw`'\''`)}'`}`;
}

/** Paths or URLs that people open. */
export interface ToOpen {
  readonly report?: string;
  /** Frame of a still. */
  readonly picture?: string;
}

/** Needs at most two small requests. */
export async function findToOpen(render: Render, frameCount: number | undefined): Promise<ToOpen> {
  const { reportUrl, storage } = render;
  const hasReport = (await storage.head(reportUrl)) !== undefined;
  let picture: string | undefined;
  if (frameCount === 1)
    for await (const { object } of render.frameFiles()) picture ??= formatLocation(object.url);
  return { picture, report: hasReport ? formatLocation(reportUrl) : undefined };
}

/** Last lines of a command that ends with a finished render. */
export const linesToOpen = ({ picture, report }: ToOpen): string[] => [
  ...(picture === undefined ? [] : [`picture: ${picture}`]),
  ...(report === undefined ? [] : [`report: ${report}`]),
];

/** Flags of a render's options, read by `withShotOptions`. */
export interface OptionFlags extends Omit<RenderOptions, 'ocio'> {
  /** A path or `ocio://name`; `ocioOption` converts it. */
  readonly ocio?: string;
}

/** Options among the flags of a command, without `ocio`. */
export function renderOptionsOf(flags: OptionFlags): RenderOptions {
  const names = OPTION_NAMES.filter((name) => name !== 'ocio' && flags[name] !== undefined);
  return Object.fromEntries(names.map((name) => [name, flags[name]]));
}

/**
 * The option `ocio` for the scene at `scene`: a local path for a local scene, else a path relative to the scene's
 * folder. On this machine, the default is the variable `OCIO`, if an option can name its value. Throws `bad-options`.
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
