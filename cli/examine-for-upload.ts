import type { RenderOptions } from '../core/contract/options';
import { SpotreelError } from '../core/errors';
import { examineScene } from '../core/preflight/examine-scene';
import { judgeUploads, type JudgedUploads } from '../core/preflight/judge-uploads';
import { isBelow, type ProjectRoot } from '../core/preflight/project-root';
import { formatLocation, parseLocation } from '../core/storage/location';
import { realPlace } from '../core/storage/real-place';
import type { ObjectHead, Storage } from '../core/storage/storage';

/** How far the files of a scene may be uploaded. */
export interface UploadFlags {
  readonly project?: string;
  readonly yes?: boolean;
}

/**
 * Examines a scene that is to be rendered on a farm, as far as its files may be uploaded. With `project`, the files below that
 * folder may be, and no others; otherwise those in the scene's folder, and others after `confirmUploads`. `options` name another scene than
 * the active one, and an OpenColorIO configuration. Throws `bad-usage`.
 */
export async function examineForUpload(
  { url, etag }: ObjectHead,
  project: string | undefined,
  storage: Storage,
  options?: Pick<RenderOptions, 'scene' | 'ocio'>,
): Promise<JudgedUploads> {
  const root = project === undefined ? undefined : await projectAt(project, url);
  const examination = await examineScene(url, etag, storage, root, undefined, options);
  if (url.protocol !== 'file:') return { examination, outside: [] };
  return judgeUploads(examination, root?.url ?? new URL('.', url), storage);
}

async function projectAt(text: string, scene: URL): Promise<ProjectRoot> {
  if (scene.protocol !== 'file:') {
    throw wrong(`${formatLocation(scene)} is in a bucket already: leave out --project`);
  }
  if (text === '') throw wrong('--project is empty: give a folder, such as . for this one');
  const named = parseLocation(`${text}/`, process.cwd());
  const real = await realPlace(named);
  const url = [named, ...(real ? [new URL(`${real.href}/`)] : [])].find((folder) => isBelow(scene, folder));
  if (url) return { url, reach: 'folder' };
  throw wrong(`--project ${text} does not hold the scene ${formatLocation(scene)}: give a folder above it`);
}

function wrong(message: string): SpotreelError {
  return new SpotreelError('bad-usage', 'usage', message);
}
