import { open, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { codeOf, messageOf } from '../../../core/errors';
import {
  contentTypeOf,
  type FileOutput,
  isFileOutput,
  type MasterEnding,
  MOST_OUTPUTS,
  type PictureEnding,
  pictureEndingOf,
} from '../../../core/render/keys';
import type { Manifest } from '../../../core/render/manifest';
import type { Render } from '../../../core/render/render';
import type { Resolution } from '../../../core/render/video';
import { printableName } from '../../../core/text';
import {
  type MasterBytes,
  mostFrameBytes,
  mostOutputBytes,
  mostPictureBytes,
  type PictureCheck,
  removeSaved,
  takeBytes,
  takeCopy,
  UNSAFE_FILE,
} from './saved-files';
import { readFrame } from '../video/gaps';
import { exrFault } from './exr';
import { bmpFault, cineonFault, dpxFault, hdrFault, irisFault, targaFault, tiffFault } from './film-formats';
import { frameFault, pngFault } from './png';
import { avifFault, jpeg2000Fault, jpegFault, webpFault } from './web-formats';

/** A file of a File Output node, where Blender saved it. */
export interface SavedOutput extends FileOutput {
  readonly path: string;
}

/** The stored bytes of a frame, or what is wrong with it. */
export type Delivery = { readonly bytes: number } | { readonly fault: string };

/** The files of a frame, in a folder that Blender can write to. */
export interface SavedFrame {
  readonly frame: number;
  /** The PNG. */
  readonly path: string;
  /** The frame in the scene's own format, if that is kept. */
  readonly master?: { readonly path: string; readonly ending: MasterEnding };
  /** Files of File Output nodes. */
  readonly outputs?: readonly SavedOutput[];
}

interface Place {
  readonly manifest: Pick<Manifest, 'resolution'>;
  readonly render: Render;
}

/** `own` is a folder that only the worker can write to. */
type Delivering = Place & { readonly own: string };

/**
 * Checks a saved frame, its master and the files of its File Output nodes, deletes the record of an earlier failure, and
 * moves all to storage. The PNG comes last: if it is stored, all are. Leaves nothing in scratch.
 */
export async function deliverFrame(saved: SavedFrame, place: Delivering): Promise<Delivery> {
  const { path, master, outputs = [] } = saved;
  const copied = master && join(place.own, basename(master.path));
  try {
    return await deliver(saved, copied, place);
  } catch (error) {
    if (codeOf(error) === UNSAFE_FILE) return { fault: messageOf(error) };
    throw error;
  } finally {
    const files = [path, ...(master ? [master.path] : []), ...outputs.map((output) => output.path)];
    for (const file of files) await removeSaved(file);
    if (copied !== undefined) await rm(copied, { force: true });
    await removeTaken(outputs, place.own);
  }
}

async function deliver(
  { frame, path, master, outputs = [] }: SavedFrame,
  copied: string | undefined,
  { manifest: { resolution }, render, own }: Delivering,
): Promise<Delivery> {
  const writer = 'Blender';
  const bytes = await takeBytes({
    path,
    writer,
    name: `frame ${frame}`,
    mostBytes: mostFrameBytes(resolution),
  });
  const fault = await frameFault(bytes, resolution);
  if (fault) return { fault: `Blender saved a bad file: ${fault}` };
  if (master && copied !== undefined) {
    const name = `the ${master.ending.toUpperCase()} file of frame ${frame}`;
    const mostBytes = mostPictureBytes(resolution, master.ending);
    await takeCopy({ path: master.path, writer, name, mostBytes }, copied);
    const wrong = await masterFault(copied, master.ending, resolution);
    if (wrong) return { fault: `Blender saved a bad ${master.ending.toUpperCase()} file: ${wrong}` };
  }
  const kept = await takeOutputs(outputs, { own, resolution });
  if ('fault' in kept) return kept;
  // Delete the failure first. If the worker is killed in between, no whole frame has a record of failure, which the next
  // attempt would keep.
  await render.failure(frame).delete();
  await storeOutputs(kept.taken, render);
  if (master && copied !== undefined) {
    const options = { contentType: contentTypeOf(master.ending), durable: true };
    await render.storage.upload(copied, render.masterUrl(frame, master.ending), options);
  }
  await render.storage.put(render.frameUrl(frame), bytes, { contentType: 'image/png', durable: true });
  return { bytes: bytes.byteLength };
}

/** A file of a File Output node, copied to the worker's own folder and checked. */
export interface TakenOutput extends FileOutput {
  readonly copy: string;
  readonly ending: PictureEnding;
}

/**
 * Copies the files of a frame's File Output nodes to `own` and checks each; pictures may have any size in pixels. Returns the
 * first fault. Throws `unsafe-file`. The caller removes the copies with `removeTaken`.
 */
async function takeOutputs(
  outputs: readonly SavedOutput[],
  { own, resolution }: { readonly own: string; readonly resolution: Resolution },
): Promise<{ readonly taken: readonly TakenOutput[] } | { readonly fault: string }> {
  if (outputs.length > MOST_OUTPUTS || !outputs.every(isFileOutput))
    return {
      fault: 'Blender reported too many files of File Output nodes, or files with invalid names',
    };
  const taken: TakenOutput[] = [];
  for (const output of outputs) {
    const { node, file, path } = output;
    const name = `file "${printableName(file)}" of File Output node "${printableName(node)}"`;
    const ending = pictureEndingOf(file);
    if (!ending) return { fault: `Blender saved ${name}, which has a format that Spotreel cannot check` };
    const copy = copyOf(output, own);
    await takeCopy({ path, writer: 'Blender', name, mostBytes: mostOutputBytes(resolution) }, copy);
    const fault = await pictureFault(copy, ending);
    if (fault !== undefined) return { fault: `Blender saved a bad ${name}: ${fault}` };
    taken.push({ node, file, copy, ending });
  }
  return { taken };
}

async function storeOutputs(taken: readonly TakenOutput[], render: Render): Promise<void> {
  for (const output of taken) {
    const options = { contentType: contentTypeOf(output.ending), durable: true };
    await render.storage.upload(output.copy, render.outputUrl(output), options);
  }
}

/** Removes the copies of a frame's files from the worker's own folder, if they exist. */
async function removeTaken(outputs: readonly SavedOutput[], own: string): Promise<void> {
  for (const output of outputs) await rm(copyOf(output, own), { force: true });
}

const copyOf = ({ path }: SavedOutput, own: string): string => join(own, basename(path));

/** Whether a frame is stored and whole. */
export async function isFrameInPlace(frame: number, { manifest, render }: Place): Promise<boolean> {
  return (await readFrame(frame, render, manifest.resolution)).bytes !== undefined;
}

/** The check of each kind of picture file, by its ending. */
const CHECKS: Readonly<Record<PictureEnding, PictureCheck>> = {
  png: pngFault,
  exr: exrFault,
  jpg: jpegFault,
  tif: tiffFault,
  webp: webpFault,
  dpx: dpxFault,
  hdr: hdrFault,
  avif: avifFault,
  jp2: jpeg2000Fault,
  j2c: jpeg2000Fault,
  cin: cineonFault,
  tga: targaFault,
  bmp: bmpFault,
  rgb: irisFault,
};

/** What is wrong with a frame in the scene's own format, by `pictureFault`. */
export const masterFault = (
  path: string,
  ending: MasterEnding,
  expected: Resolution,
): Promise<string | undefined> => pictureFault(path, ending, expected);

/**
 * What is wrong with a picture file; `undefined` if it is whole. Without `expected` it may have any size in pixels. `path`
 * must be in a folder that only the worker can write to. The file is never held in memory, as it may be large.
 */
async function pictureFault(
  path: string,
  ending: PictureEnding,
  expected?: Resolution,
): Promise<string | undefined> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const bytes: MasterBytes = {
      size,
      read: async (offset, length) => {
        const room = Buffer.allocUnsafe(Math.max(0, Math.min(length, size - offset)));
        const { bytesRead } = await file.read(room, 0, room.length, offset);
        return room.subarray(0, bytesRead);
      },
    };
    return await faultOf(bytes, ending, expected);
  } finally {
    await file.close();
  }
}

/** Like `pictureFault`, for bytes from any source. */
export async function faultOf(
  bytes: MasterBytes,
  ending: PictureEnding,
  expected?: Resolution,
): Promise<string | undefined> {
  if (bytes.size === 0) return 'it is empty';
  try {
    return await CHECKS[ending](bytes, expected);
  } catch (error) {
    return messageOf(error);
  }
}
