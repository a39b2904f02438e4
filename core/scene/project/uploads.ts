import { mapConcurrently } from '../../concurrency';
import { MOST_DEPENDENCIES } from '../../render/manifest';
import { QuickDisk } from '../../storage/quick-files';
import { filePath, type Storage } from '../../storage/storage';
import { printableName } from '../../text';
import type { DependencyKind } from '../contents/blend-contents';
import type { FoundDependency, RefusedFile } from './dependencies';
import type { SceneExamination } from './examine';
import { isAsset, isTextInstead, TEXT_PROBE_BYTES } from './file-faults';
import type { FoundFile } from './find-files';
import { isBelow } from './paths';

/** Files that are checked concurrently. */
const JUDGED_AT_ONCE = 16;

/** A file outside the folder that may be uploaded without confirmation. */
export interface OutsideFile {
  readonly path: string;
  /** Its path after following links. */
  readonly realPath: string;
  /** Bytes. */
  readonly size: number;
}

export interface JudgedUploads {
  /** Without refused files; `refused` of their dependencies names them. */
  readonly examination: SceneExamination;
  readonly outside: readonly OutsideFile[];
}

/** A folder of this machine, as written and after following links; the segments of its paths. */
interface Folder {
  readonly written: readonly string[];
  readonly real: readonly string[];
}

interface Looked {
  readonly real: URL;
  readonly start: Uint8Array;
}

/**
 * Decides which files of a scene on this machine may be uploaded. It refuses hidden files, files that are not assets, and text
 * instead of a binary asset. `folder` may be uploaded without confirmation.
 */
export async function judgeUploads(
  examination: SceneExamination,
  folder: URL,
  storage: Storage,
): Promise<JudgedUploads> {
  const { project } = examination;
  const files = uploadable(project.dependencies);
  // The preflight refuses scenes with more files.
  if (files.size > MOST_DEPENDENCIES) return { examination, outside: [] };
  const disk = new QuickDisk();
  const realFolder = (await disk.realPlace(folder)) ?? folder;
  const base: Folder = { written: filePath(folder).split('/'), real: filePath(realFolder).split('/') };
  const looks = await mapConcurrently([...files.values()], JUDGED_AT_ONCE, async (file) => {
    return [file.path, await look(file, storage, disk)] as const;
  });
  const looked = new Map(looks);
  const whyNot = (kind: DependencyKind, file: FoundFile): string | undefined =>
    refusal(kind, file, looked.get(file.path), base);
  const dependencies = project.dependencies.map((found) => (found.isAbsolute ? found : judge(found, whyNot)));
  const outside = [...uploadable(dependencies).values()].flatMap(({ path, url, size }) => {
    const real = looked.get(path)?.real;
    if (!real || isBelow(real, realFolder)) return [];
    return [{ path: filePath(url), realPath: filePath(real), size }];
  });
  return { examination: { ...examination, project: { ...project, dependencies } }, outside };
}

/** Files by path. Files with absolute paths stay on this machine. */
function uploadable(dependencies: readonly FoundDependency[]): Map<string, FoundFile> {
  const files = dependencies.flatMap((found) => (found.isAbsolute ? [] : found.files));
  return new Map(files.map((file) => [file.path, file]));
}

function judge(
  found: FoundDependency,
  whyNot: (kind: DependencyKind, file: FoundFile) => string | undefined,
): FoundDependency {
  const refused: RefusedFile[] = [];
  const files = found.files.filter((file) => {
    const why = whyNot(found.dependency.kind, file);
    if (why !== undefined) refused.push({ location: filePath(file.url), why });
    return why === undefined;
  });
  return refused.length === 0 ? found : { ...found, files, refused };
}

/** `undefined` if the file disappeared. */
async function look({ url }: FoundFile, storage: Storage, disk: QuickDisk): Promise<Looked | undefined> {
  const real = await disk.realPlace(url);
  if (!real) return undefined;
  const source = await storage.open(url);
  try {
    return { real, start: await source.read(0, TEXT_PROBE_BYTES) };
  } finally {
    await source.close();
  }
}

/** Why a file must not leave this machine; `undefined` if it may. */
function refusal(
  kind: DependencyKind,
  { url }: FoundFile,
  looked: Looked | undefined,
  base: Folder,
): string | undefined {
  if (!looked) return 'it no longer exists';
  const realPath = filePath(looked.real);
  const places = [
    ['', pathFrom(base.written, filePath(url))],
    [' where it leads', pathFrom(base.real, realPath)],
  ] as const;
  for (const [where, path] of places) {
    const hidden = path.split('/').find((segment) => segment.startsWith('.'));
    if (hidden !== undefined) return `"${printableName(hidden)}" is hidden${where}`;
    if (!isAsset(kind, path)) return `its name${where} ends like no file of its kind that Blender reads`;
  }
  return isTextInstead(realPath, looked.start) ? 'its content is text' : undefined;
}

/** The path of a file below the innermost folder that contains it and `folder`. */
function pathFrom(folder: readonly string[], file: string): string {
  const path = file.split('/');
  const differs = path.findIndex((segment, index) => segment !== folder[index]);
  return path.slice(differs < 0 ? path.length : differs).join('/');
}
