import type { ObjectInfo, Storage } from '../storage/storage';
import {
  type FileOutput,
  fileOutputAt,
  frameOfFailure,
  frameOfMaster,
  frameOfName,
  isFileOutput,
  outputsFolder,
  retryOfName,
} from './keys';

// Listings of the folders in a render's folder. Only `Render` uses them.

/** A picture of a frame. */
export interface FrameFile {
  readonly frame: number;
  /** Within its folder, such as `0001.png`. */
  readonly name: string;
  readonly object: ObjectInfo;
}

/** A file of a File Output node. */
export interface OutputFile extends FileOutput {
  readonly object: ObjectInfo;
}

export function listFrames(folder: URL, storage: Storage): AsyncGenerator<FrameFile> {
  return numbered(folder, frameOfName, storage);
}

export function listMasters(folder: URL, storage: Storage): AsyncGenerator<FrameFile> {
  return numbered(folder, frameOfMaster, storage);
}

/** Frames with a file in `failures/`. */
export async function failedFrames(folder: URL, storage: Storage): Promise<Set<number>> {
  const frames = new Set<number>();
  for await (const { frame } of numbered(folder, frameOfFailure, storage)) frames.add(frame);
  return frames;
}

/** The highest number in `retries/`; 0 if it is empty. */
export async function lastRetry(folder: URL, storage: Storage): Promise<number> {
  let last = 0;
  for await (const { url } of storage.list(folder))
    last = Math.max(last, retryOfName(url.pathname.slice(folder.pathname.length)) ?? 0);
  return last;
}

/** Files of File Output nodes, with names that Spotreel gives. */
export async function* listOutputs(render: URL, storage: Storage): AsyncGenerator<OutputFile> {
  for await (const object of storage.list(outputsFolder(render))) {
    const output = fileOutputAt(object.url, render);
    if (output) yield { ...output, object };
  }
}

/** One request for each 1,000 nodes. */
export async function listOutputNodes(render: URL, storage: Storage): Promise<string[]> {
  const nodes: string[] = [];
  for await (const { name, object, fault } of storage.listFolder(outputsFolder(render)))
    if (!object && fault === undefined && isFileOutput({ node: name, file: 'a' })) nodes.push(name);
  return nodes.toSorted();
}

async function* numbered(
  folder: URL,
  frameOf: (name: string) => number | undefined,
  storage: Storage,
): AsyncGenerator<FrameFile> {
  for await (const object of storage.list(folder)) {
    const name = object.url.pathname.slice(folder.pathname.length);
    const frame = frameOf(name);
    if (frame !== undefined) yield { frame, name, object };
  }
}
