import type { Manifest } from '../../core/contract/manifest';
import { forEachConcurrently } from '../../core/map-concurrently';
import type { ObjectInfo } from '../../core/storage/storage';
import { fetchObject, type FetchServices } from './fetch-object';
import { isWhole, makeFolderOf } from './local-copy';
import { wantedFiles, type Wanted, type WantedFile } from './wanted-files';

/** Files that are looked at or fetched at a time. */
const AT_ONCE = 8;

/** What has become of a download so far. */
export interface Tally {
  /** Frames that lie in the directory whole, of those that are wanted. */
  readonly frames: Set<number>;
  /** Files fetched. */
  fetched: number;
  /** Files that were there already. */
  kept: number;
  /** Bytes fetched. */
  bytes: number;
  /** The video's name, once it lies in the directory whole. */
  video?: string;
}

export interface Download {
  readonly wanted: Wanted;
  /** The render's. */
  readonly folder: URL;
  readonly manifest: Manifest;
  /** Where files are put. */
  readonly directory: string;
  readonly services: Omit<FetchServices, 'onBytes'>;
  readonly onProgress: () => void;
}

/** Which version of each file is known to lie in the directory whole: those need no look when it goes on. */
export type KnownVersions = Map<string, string>;

/** Brings what is wanted and there, and not in the directory yet, from one listing. Throws what `fetchObject` throws. */
export async function downloadOnce(download: Download, tally: Tally, known: KnownVersions): Promise<void> {
  const { wanted, folder, manifest, directory, services, onProgress } = download;
  const onBytes = (bytes: number): void => {
    tally.bytes += bytes;
    onProgress();
  };
  const bring = async (file: WantedFile): Promise<void> => {
    const version = versionOf(file.object);
    if (known.get(file.name) !== version) {
      const path = await makeFolderOf(directory, file.name);
      if (await isWhole(file.object, path)) {
        tally.kept += 1;
      } else {
        if (!(await fetchObject(file.object, path, { ...services, onBytes }))) return;
        tally.fetched += 1;
      }
      known.set(file.name, version);
    }
    if (file.frame !== undefined) tally.frames.add(file.frame);
    if (file.isVideo) tally.video = file.name;
    onProgress();
  };
  await forEachConcurrently(wantedFiles(wanted, folder, manifest, services.storage), AT_ONCE, bring);
}

function versionOf({ size, etag, lastModified }: ObjectInfo): string {
  return `${size} ${etag ?? lastModified.toISOString()}`;
}
