import { basename, dirname } from 'node:path';
import { mapConcurrently } from '../core/concurrency';
import { SpotreelError } from '../core/errors';
import { SUBMITTED_FOLDER } from '../core/render/keys';
import type { RenderOptions } from '../core/render/options';
import type { FoundDependency } from '../core/scene/project/dependencies';
import { examineScene, type SceneExamination } from '../core/scene/project/examine';
import type { FoundFile } from '../core/scene/project/find-files';
import { isBelow, type ProjectRoot } from '../core/scene/project/paths';
import { type JudgedUploads, judgeUploads, type OutsideFile } from '../core/scene/project/uploads';
import { realPlace } from '../core/storage/file-writes';
import { hasContentOf } from '../core/storage/s3-reads';
import {
  childUrl,
  filePath,
  formatLocation,
  type ObjectHead,
  parseLocation,
  type Storage,
  StorageError,
} from '../core/storage/storage';
import { formatSeconds, printableName } from '../core/text';
import { confirm, type Meter, type Reading } from './output';

/** Hex digits of a file's hash in its folder name; collisions are practically impossible. */
const HASH_DIGITS = 16;

/** Files that are checked and uploaded at a time; large ones use several parallel parts each. */
const ASKED_AT_ONCE = 16;
const UPLOADED_AT_ONCE = 4;

/** Files that are compared with objects at a time. */
const HASHED_AT_ONCE = 2;

/** Where an upload shows its progress; `now` in milliseconds. */
export interface UploadView {
  readonly say: (text: string) => void;
  readonly meter: Meter;
  readonly now: () => number;
}

interface Upload {
  readonly file: ObjectHead;
  readonly target: URL;
}

/**
 * Uploads local files and returns their objects in the same order. Folders are named by content, so stored files are
 * not uploaded again and no object that a render reads is overwritten. Objects whose content differs from their name
 * are replaced. Objects two folders below the uploads start no render by themselves.
 */
export async function uploadFiles(
  files: readonly ObjectHead[],
  uploads: URL,
  storage: Storage,
  { say, meter, now }: UploadView,
): Promise<ObjectHead[]> {
  const wanted = files.map((file) => ({ file, target: targetOf(file, uploads) }));
  const before = await mapConcurrently(wanted, ASKED_AT_ONCE, ({ target }) => storage.head(target));
  const there = await mapConcurrently(
    wanted.map((upload, index) => ({ upload, head: before[index] })),
    HASHED_AT_ONCE,
    async ({ upload, head }) => (head && (await isContent(head, upload)) ? head : undefined),
  );
  // The same file under two paths is one object.
  const missing = [
    ...new Map(
      wanted.filter((_, index) => !there[index]).map((upload) => [upload.target.href, upload]),
    ).values(),
  ];
  say(announcement(wanted, missing));
  const began = now();
  const total = missing.reduce((sum, { file }) => sum + file.size, 0);
  const arrived = new Map<string, number>();
  const arrive = (href: string, bytes: number): void => {
    arrived.set(href, bytes);
    const done = [...arrived.values()].reduce((sum, part) => sum + part, 0);
    // Stored files need no progress.
    if (done < total) meter.show(uploadReading(done, total, (now() - began) / 1000));
  };
  try {
    await mapConcurrently(missing, UPLOADED_AT_ONCE, ({ file, target }) =>
      storage.upload(filePath(file.url), target, { onProgress: (bytes) => arrive(target.href, bytes) }),
    );
  } finally {
    if (missing.length > 0) meter.stop();
  }
  const pairs = wanted.map((upload, index) => ({ upload, kept: there[index], other: before[index] }));
  return mapConcurrently(pairs, ASKED_AT_ONCE, async ({ upload, kept, other }) => {
    const head = kept ?? (await storage.head(upload.target));
    const isNew = head?.size === upload.file.size && (head === kept || isWritten(head, other));
    if (head && isNew) return head;
    throw uploadLost(upload);
  });
}

function targetOf({ url, etag }: ObjectHead, uploads: URL): URL {
  return childUrl(uploads, SUBMITTED_FOLDER, etag.slice(0, HASH_DIGITS), basename(filePath(url)));
}

/**
 * Whether an object has the content of the file. Objects encrypted with a KMS key have no comparable ETag and count as
 * different.
 */
async function isContent({ size, etag }: ObjectHead, { file }: Upload): Promise<boolean> {
  return size === file.size && (etag === file.etag || (await hasContentOf(filePath(file.url), etag)));
}

/** Whether an object was written since it was `other`. */
function isWritten({ etag, lastModified }: ObjectHead, other: ObjectHead | undefined): boolean {
  return etag !== other?.etag || lastModified > other.lastModified;
}

function announcement(wanted: readonly Upload[], missing: readonly Upload[]): string {
  const [only] = wanted;
  if (wanted.length === 1 && only) {
    const to = formatLocation(only.target);
    const { url, size } = only.file;
    return missing.length === 0
      ? `${to} is already uploaded`
      : `uploading ${filePath(url)} (${formatMebibytes(size)}) to ${to}`;
  }
  const bytes = missing.reduce((sum, { file }) => sum + file.size, 0);
  const kept = wanted.length - missing.length;
  if (missing.length === 0) return `all ${wanted.length} files are already uploaded`;
  const rest = kept > 0 ? `; ${kept} are already uploaded` : '';
  return `uploading ${missing.length} ${missing.length === 1 ? 'file' : 'files'} (${formatMebibytes(bytes)})${rest}`;
}

function uploadLost({ file, target }: Upload): SpotreelError {
  const message = `${formatLocation(target)} no longer matches ${filePath(file.url)}; submit again`;
  return new SpotreelError('upload-lost', 'passing', message);
}

/** The progress of an upload after so many seconds. */
export function uploadReading(done: number, total: number, seconds: number): Reading {
  const left = done > 0 ? `about ${formatSeconds(((total - done) / done) * seconds)} left` : '';
  return { total, done, count: `${formatMebibytes(done)} of ${formatMebibytes(total)}`, note: left };
}

export function formatMebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
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
): Promise<UploadedProject> {
  const files = filesToUpload(examination);
  const heads = await mapConcurrently(files, HASHED_AT_ONCE, (file) => headOf(file, storage));
  const [source, ...objects] = await uploadFiles([scene, ...heads], uploads, storage, view);
  const objectAt = new Map(files.map(({ path }, index) => [path, objects[index]!]));
  return { source: source!, examination: relocate(examination, objectAt) };
}

function filesToUpload({ project, scenePath }: SceneExamination): FoundFile[] {
  const files = project.dependencies.flatMap((found) => (found.isAbsolute ? [] : found.files));
  return [...new Map(files.map((file) => [file.path, file])).values()].filter(
    ({ path }) => path !== scenePath,
  );
}

async function headOf({ url }: FoundFile, storage: Storage): Promise<ObjectHead> {
  const head = await storage.head(url);
  if (head) return head;
  const message = `${formatLocation(url)} disappeared during the upload: restore it and submit again`;
  throw new StorageError('not-found', url, message);
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
