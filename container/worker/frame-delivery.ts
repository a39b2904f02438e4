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
import { mostFrameBytes, mostMasterBytes } from './size-bounds';
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
}

interface Place {
  readonly manifest: Pick<Manifest, 'resolution'>;
  readonly folder: URL;
  readonly storage: Storage;
}

/** With a folder that only the worker can write to. */
type Delivering = Place & { readonly own: string };

/**
 * Checks a saved frame and its master, takes any record of an earlier failure away, and moves both into storage whole. A PNG
 * that is in storage so says that its master is there, too. Nothing is left in scratch.
 */
export async function deliverFrame(saved: SavedFrame, place: Delivering): Promise<Delivery> {
  const { path, master } = saved;
  const copied = master && join(place.own, basename(master.path));
  try {
    return await deliver(saved, copied, place);
  } catch (error) {
    if (codeOf(error) === UNSAFE_FILE) return { fault: messageOf(error) };
    throw error;
  } finally {
    for (const file of [path, ...(master ? [master.path] : [])]) await removeSaved(file);
    if (copied !== undefined) await rm(copied, { force: true });
  }
}

async function deliver(
  { frame, path, master }: SavedFrame,
  copied: string | undefined,
  { manifest: { resolution }, folder, storage }: Place,
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
    const mostBytes = (master.ending === 'exr' ? mostMasterBytes : mostFrameBytes)(resolution);
    await takeCopy({ path: master.path, writer, name, mostBytes }, copied);
    const wrong = await masterFault(copied, master.ending, resolution);
    if (wrong) return { fault: `Blender saved a bad ${master.ending.toUpperCase()} file: ${wrong}` };
  }
  // In this order, so that who is killed between the two leaves no record of a failure beside a frame that is whole: the
  // next attempt would keep the frame and the record with it.
  await storage.delete(failureUrl(folder, frame));
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
