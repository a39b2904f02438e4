import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { codeOf, messageOf } from '../../core/errors';
import { failureUrl, frameUrl, masterUrl } from '../../core/contract/keys';
import { contentTypeOf, type MasterEnding } from '../../core/contract/picture-endings';
import type { Manifest } from '../../core/contract/manifest';
import type { Storage } from '../../core/storage/storage';
import { frameFault } from './frame-check';
import { masterFault } from './master-fault';
import { readFrame } from './read-frame';
import { removeTaken, storeOutputs, takeOutputs, type SavedOutput } from './output-delivery';
import { mostFrameBytes, mostPictureBytes } from './size-bounds';
import { removeSaved, takeBytes, takeCopy, UNSAFE_FILE } from './take-file';

/** What became of a frame that Blender says it has saved. */
export type Delivery = { readonly bytes: number } | { readonly fault: string };

/** What Blender has saved of a frame, in a folder that it can write to. */
export interface SavedFrame {
  readonly frame: number;
  /** Of the PNG. */
  readonly path: string;
  /** The frame in the scene's own format, where that is kept. */
  readonly master?: { readonly path: string; readonly ending: MasterEnding };
  /** Files of File Output nodes. */
  readonly outputs?: readonly SavedOutput[];
}

interface Place {
  readonly manifest: Pick<Manifest, 'resolution'>;
  readonly folder: URL;
  readonly storage: Storage;
}

/** With a folder that only the worker can write to. */
type Delivering = Place & { readonly own: string };

/**
 * Checks a saved frame, its master and the files of its File Output nodes, removes any record of an earlier failure, and moves all into
 * storage, the PNG last: a PNG in storage means that the others are there too. Nothing is left in scratch.
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
  { manifest: { resolution }, folder, storage, own }: Delivering,
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
  // In this order, so that who is killed between the two leaves no record of a failure beside a frame that is whole: the
  // next attempt would keep the frame and the record with it.
  await storage.delete(failureUrl(folder, frame));
  await storeOutputs(kept.taken, folder, storage);
  if (master && copied !== undefined) {
    const options = { contentType: contentTypeOf(master.ending), durable: true };
    await storage.upload(copied, masterUrl(folder, frame, master.ending), options);
  }
  await storage.put(frameUrl(folder, frame), bytes, { contentType: 'image/png', durable: true });
  return { bytes: bytes.byteLength };
}

/** Whether a frame in storage is whole. A frame that is there but not whole counts as not there. */
export async function isFrameInPlace(frame: number, { manifest, folder, storage }: Place): Promise<boolean> {
  return (await readFrame(frame, folder, manifest.resolution, storage)).bytes !== undefined;
}
