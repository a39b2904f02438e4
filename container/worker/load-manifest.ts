import { SpotreelError } from '../../core/errors';
import type { RenderCommand } from '../../core/jobs/worker';
import { manifestUrl } from '../../core/render/keys';
import { type Manifest, parseManifest } from '../../core/render/manifest';
import { planRender } from '../../core/scene/plan';
import { preflight, refuseErrors } from '../../core/scene/preflight';
import { examineScene } from '../../core/scene/project/examine';
import { formatLocation, parseLocation, type Storage, StorageError } from '../../core/storage/storage';

/** The plan under `folder`. Throws `not-found`, or `bad-manifest`. */
export async function loadManifest(folder: URL, storage: Storage): Promise<Manifest> {
  const url = manifestUrl(folder);
  return parseManifest(await storage.get(url), formatLocation(url));
}

/**
 * The plan of a `render` command: the one that was submitted, else (a job submitted by hand) one made here from the
 * `.blend` itself. Throws `bad-usage` where the plan and the command's own figures differ.
 */
export async function manifestForRender(
  command: RenderCommand,
  folder: URL,
  storage: Storage,
  now: Date,
): Promise<Manifest> {
  const manifest = (await existing(folder, storage)) ?? (await planByHand(command, folder, storage, now));
  checkFigure('-t', command.totalFrames, manifest.frameCount, 'frames');
  checkFigure(
    '-f',
    Math.min(command.framesPerSlice, manifest.frameCount),
    manifest.framesPerSlice,
    'frames a slice',
  );
  return manifest;
}

async function existing(folder: URL, storage: Storage): Promise<Manifest | undefined> {
  try {
    return await loadManifest(folder, storage);
  } catch (error) {
    if (error instanceof StorageError && error.code === 'not-found') return undefined;
    throw error;
  }
}

async function planByHand(
  { input, framesPerSlice }: RenderCommand,
  folder: URL,
  storage: Storage,
  now: Date,
): Promise<Manifest> {
  const url = parseLocation(input, process.cwd());
  const head = await storage.head(url);
  if (!head) throw new StorageError('not-found', url, `there is no scene at ${input}; check -i`);
  const examination = await examineScene(url, head.etag, storage);
  const options = { framesPerSlice };
  const file = formatLocation(url);
  const place = url.protocol === 'file:' ? 'here' : 'farm';
  const checked = preflight(examination, {
    file,
    options,
    place,
    hasDisplay: false,
    hasOwnColors: Boolean(process.env.OCIO),
  });
  refuseErrors(checked, file);
  const manifest = planRender({
    renderId: decodeURIComponent(folder.pathname.split('/').filter(Boolean).pop() ?? 'render'),
    source: { url: file, etag: head.etag, size: head.size },
    facts: examination.facts,
    options,
    parallel: 1,
    now,
    checked,
  });
  return keepFirst(manifest, folder, storage);
}

/** All children make the same plan; the first one's stands, and the stitch job finds it. */
async function keepFirst(manifest: Manifest, folder: URL, storage: Storage): Promise<Manifest> {
  try {
    await storage.put(manifestUrl(folder), JSON.stringify(manifest, null, 2), { ifAbsent: true });
    return manifest;
  } catch (error) {
    if (error instanceof StorageError && error.code === 'exists') return loadManifest(folder, storage);
    throw error;
  }
}

function checkFigure(flag: string, given: number, planned: number, unit: string): void {
  if (given === planned) return;
  throw new SpotreelError(
    'bad-usage',
    'usage',
    `${flag} says ${given} ${unit}, the render's plan ${planned}`,
  );
}
