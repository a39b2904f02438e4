import {
  contactSheetUrl,
  frameOfMaster,
  frameOfName,
  framesFolder,
  gapsUrl,
  mastersFolder,
  partialVideoUrl,
  posterUrl,
  previewUrl,
  receiptUrl,
  reportUrl,
  videoUrl,
} from '../../core/contract/keys';
import { fileOutputAt, mayBeOfFrames, outputsFolder } from '../../core/contract/file-outputs';
import type { Manifest } from '../../core/contract/manifest';
import type { VideoFormat } from '../../core/contract/video-format';
import { plannedVideo } from '../../core/render/chosen-video';
import type { ObjectInfo, Storage } from '../../core/storage/storage';

/** What of a render is wanted. */
export interface Wanted {
  /** Frames of the plan, with their masters and the files of File Output nodes; empty for none. */
  readonly frames: ReadonlySet<number>;
  /** The video, or that with gaps. */
  readonly video: boolean;
  /** What else there is to look at: report, receipt, poster, contact sheet, preview. */
  readonly extras: boolean;
}

/** A file of a render that is there. */
export interface WantedFile {
  /** Below the render's folder, not escaped: only names that the contract knows. */
  readonly name: string;
  readonly object: ObjectInfo;
  /** Of a frame's picture; a master has none. */
  readonly frame?: number;
  readonly isVideo?: boolean;
}

/** Files that are wanted and there, as they are listed: frames, masters, files of File Output nodes, then the rest. */
export async function* wantedFiles(
  wanted: Wanted,
  folder: URL,
  manifest: Pick<Manifest, 'options' | 'frameCount'>,
  storage: Storage,
): AsyncGenerator<WantedFile> {
  if (wanted.frames.size > 0) {
    for await (const { name, object, frame } of numbered(framesFolder(folder), frameOfName, storage)) {
      if (wanted.frames.has(frame)) yield { name: `frames/${name}`, object, frame };
    }
    for await (const { name, object, frame } of numbered(mastersFolder(folder), frameOfMaster, storage)) {
      if (wanted.frames.has(frame)) yield { name: `masters/${name}`, object };
    }
    for await (const object of storage.list(outputsFolder(folder))) {
      const output = fileOutputAt(object.url, folder);
      if (output && mayBeOfFrames(output, wanted.frames))
        yield { name: `outputs/${output.node}/${output.file}`, object };
    }
  }
  if (wanted.video || wanted.extras) yield* others(wanted, folder, plannedVideo(manifest), storage);
}

async function* numbered(folder: URL, frameOf: (name: string) => number | undefined, storage: Storage) {
  for await (const object of storage.list(folder)) {
    const name = object.url.pathname.slice(folder.pathname.length);
    const frame = frameOf(name);
    if (frame !== undefined) yield { name, object, frame };
  }
}

async function* others(
  wanted: Wanted,
  folder: URL,
  video: VideoFormat,
  storage: Storage,
): AsyncGenerator<WantedFile> {
  const there = new Map<string, ObjectInfo>();
  for await (const { name, object } of storage.listFolder(folder)) if (object) there.set(name, object);
  const nameOf = (url: URL): string => url.pathname.slice(folder.pathname.length);
  const [whole, withGaps] = [nameOf(videoUrl(folder, video)), nameOf(partialVideoUrl(folder, video))];
  // One with gaps beside one without is out of date.
  const film = there.has(whole) ? [whole] : [withGaps, nameOf(gapsUrl(folder))];
  const extras = [reportUrl, receiptUrl, posterUrl, contactSheetUrl, previewUrl].map((urlOf) =>
    nameOf(urlOf(folder)),
  );
  for (const name of [...(wanted.video ? film : []), ...(wanted.extras ? extras : [])]) {
    const object = there.get(name);
    if (object) yield { name, object, isVideo: name === whole || name === withGaps };
  }
}
