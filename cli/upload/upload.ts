import { dirname, join } from 'node:path';
import { SpotreelError } from '../../core/errors';
import type { RenderOptions } from '../../core/render/options';
import type { FoundDependency } from '../../core/scene/project/dependencies';
import { examineScene, type SceneExamination } from '../../core/scene/project/examine';
import type { FoundFile } from '../../core/scene/project/find-files';
import { isBelow, type ProjectRoot } from '../../core/scene/project/paths';
import { type JudgedUploads, judgeUploads, type OutsideFile } from '../../core/scene/project/uploads';
import { realPlace } from '../../core/storage/file-writes';
import { routeStorage } from '../../core/storage/open-storage';
import { QuickFileStorage } from '../../core/storage/quick-files';
import {
  formatLocation,
  type ObjectHead,
  parseLocation,
  type Storage,
  StorageError,
} from '../../core/storage/storage';
import { printableName } from '../../core/text';
import { confirm } from '../output';
import { beginUpload, formatMebibytes, headsOf, uploadFiles, type UploadView } from './upload-files';
import { PARTS_FOLDER } from './upload-record';

/** Storage for uploads, which may have thousands of files. An interrupted upload of a large file resumes. */
export function openUploadStorage(cache: string | undefined): Storage {
  const openS3 = async (): Promise<Storage> => {
    if (cache === undefined) return (await import('../../core/storage/s3-storage')).createS3Storage();
    const { createResumingS3Storage } = await import('../../core/storage/s3-resume');
    const { takeLock } = await import('../../core/local-batch/lock');
    return createResumingS3Storage(join(cache, PARTS_FOLDER), takeLock);
  };
  return routeStorage({ 'file:': new QuickFileStorage(), 's3:': openS3 });
}

/** A scene in the bucket, with its examination and files in the bucket. */
export interface UploadedProject {
  readonly source: ObjectHead;
  readonly examination: SceneExamination;
}

/**
 * Uploads a scene and its files. The plan names the path of each file, relative to the innermost common folder. Files
 * with absolute paths stay here: no other machine has those paths.
 */
export async function uploadProject(
  scene: ObjectHead,
  examination: SceneExamination,
  uploads: URL,
  storage: Storage,
  view: UploadView,
  begun = beginUpload(scene, uploads, storage, view),
): Promise<UploadedProject> {
  const { record } = begun;
  const files = filesToUpload(examination);
  const { url, size, lastModified, etag } = scene;
  const sceneFile = { url, size, modified: lastModified.toISOString() };
  const [current, ...heads] = await headsOf([sceneFile, ...files], record, view);
  if (current?.etag !== etag) throw changedScene(scene);
  const unsaved = await record.save({ isEarly: true });
  if (unsaved !== undefined) view.say(`the next upload reads all files again: ${unsaved}`);
  const [source, ...objects] = await uploadFiles([scene, ...heads], uploads, storage, view, begun);
  await record.save();
  const objectAt = new Map(files.map(({ path }, index) => [path, objects[index]!]));
  return { source: source!, examination: relocate(examination, objectAt) };
}

function changedScene({ url }: ObjectHead): StorageError {
  const message = `${formatLocation(url)} changed since it was read: submit again`;
  return new StorageError('changed', url, message);
}

function filesToUpload({ project, scenePath }: SceneExamination): FoundFile[] {
  const files = project.dependencies.flatMap((found) => (found.isAbsolute ? [] : found.files));
  return [...new Map(files.map((file) => [file.path, file])).values()].filter(
    ({ path }) => path !== scenePath,
  );
}

/** The examination of the scene in the bucket. Pure. */
export function relocate(
  examination: SceneExamination,
  objectAt: ReadonlyMap<string, ObjectHead>,
): SceneExamination {
  const { project, scenePath } = examination;
  const above = sharedFolder([scenePath, ...objectAt.keys()]);
  const fileAt = (file: FoundFile): FoundFile[] => {
    const object = objectAt.get(file.path);
    if (!object) return [];
    const { url, size, etag } = object;
    return [{ url, size, etag, modified: file.modified, path: file.path.slice(above.length) }];
  };
  const moved = (found: FoundDependency): FoundDependency => ({
    ...found,
    files: found.isAbsolute ? [] : found.files.flatMap(fileAt),
  });
  return {
    ...examination,
    scenePath: scenePath.slice(above.length),
    project: { ...project, dependencies: project.dependencies.map(moved) },
  };
}

/** Common start of all paths, up to and including a slash; empty without one. */
function sharedFolder(paths: readonly string[]): string {
  const [first = '', ...others] = paths;
  let shared = first.slice(0, first.lastIndexOf('/') + 1);
  for (const path of others) {
    while (!path.startsWith(shared)) shared = shared.slice(0, shared.lastIndexOf('/', shared.length - 2) + 1);
  }
  return shared;
}

/** Most files of a folder that are listed one by one. */
const MOST_OF_FOLDER = 5;

/** Most lines of the list; the rest is counted. */
const MOST_LINES = 40;

const INSTEAD =
  'check the files above, then give --yes, or --project DIR for the folder that may be uploaded without asking';

const TOO_MANY =
  "too many files outside the scene's folder to show all of them: give --project DIR for the folder that may be uploaded, or --yes";

/**
 * Lists files outside the scene's folder and asks whether to upload them. `isYes` answers. Throws `bad-usage` without
 * a terminal, and if the list is cut: a scene could hide files at its end.
 */
export async function confirmUploads(
  outside: readonly OutsideFile[],
  isYes: boolean,
  say: (text: string) => void,
): Promise<boolean> {
  if (outside.length === 0) return true;
  say(`the scene needs ${countFiles(outside)} outside its own folder:`);
  const lines = describeOutside(outside);
  for (const line of lines) say(line);
  if (!isYes && lines.length > MOST_LINES) throw new SpotreelError('bad-usage', 'usage', TOO_MANY);
  return isYes || confirm(`upload ${outside.length === 1 ? 'it' : 'them'}?`, INSTEAD);
}

/** One line per file, or per folder with many of them. Pure. */
export function describeOutside(outside: readonly OutsideFile[]): string[] {
  const folders = new Map<string, OutsideFile[]>();
  for (const file of outside) {
    const folder = dirname(file.realPath);
    const files = folders.get(folder);
    if (files) files.push(file);
    else folders.set(folder, [file]);
  }
  const lines = [...folders].flatMap(([folder, files]) =>
    files.length > MOST_OF_FOLDER
      ? [{ text: `  ${printableName(folder)}/: ${countFiles(files)}`, files }]
      : files.map((file) => ({ text: `  ${nameOf(file)} (${formatMebibytes(file.size)})`, files: [file] })),
  );
  const rest = lines.slice(MOST_LINES).flatMap(({ files }) => files);
  const shown = lines.slice(0, MOST_LINES).map(({ text }) => text);
  return rest.length === 0 ? shown : [...shown, `  and ${countFiles(rest)} more`];
}

function nameOf({ path, realPath }: OutsideFile): string {
  const name = printableName(path);
  return path === realPath ? name : `${name}, a link to ${printableName(realPath)}`;
}

function countFiles(files: readonly OutsideFile[]): string {
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  return `${files.length} ${files.length === 1 ? 'file' : 'files'} (${formatMebibytes(bytes)})`;
}

/** Which files of a scene may be uploaded. */
export interface UploadFlags {
  readonly project?: string;
  readonly yes?: boolean;
}

/**
 * Examines a scene for a farm. `project` allows the files in that folder only; otherwise those in the scene's folder,
 * and others after `confirmUploads`. `options` select the scene and OpenColorIO configuration. Throws `bad-usage`.
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
