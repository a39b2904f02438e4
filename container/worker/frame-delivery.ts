import { readFile, rm } from 'node:fs/promises';
import { codeOf } from '../../core/errors';
import { failureUrl, frameUrl, masterUrl, type MasterEnding } from '../../core/contract/keys';
import type { Manifest } from '../../core/contract/manifest';
import type { Storage } from '../../core/storage/storage';
import { frameFault } from './frame-check';
import { MasterFile } from './master-file';
import { readFrame } from './read-frame';

/** What became of a frame that Blender says it has saved. */
export type Delivery = { readonly bytes: number } | { readonly fault: string };

/** What Blender has saved of a frame, in the worker's scratch folder. */
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

/**
 * Checks a saved frame and its master, takes any record of an earlier failure away, and moves both into storage whole. A PNG
 * that is in storage so says that its master is there, too. Nothing is left in scratch.
 */
export async function deliverFrame(saved: SavedFrame, place: Place): Promise<Delivery> {
  const { path, master } = saved;
  const opened = master && (await MasterFile.open(master.path));
  try {
    return await deliver(saved, opened, place);
  } finally {
    await opened?.close();
    for (const file of [path, ...(master ? [master.path] : [])]) await rm(file, { force: true });
  }
}

async function deliver(
  { frame, path, master }: SavedFrame,
  opened: MasterFile | undefined,
  { manifest: { resolution }, folder, storage }: Place,
): Promise<Delivery> {
  const bytes = await readSaved(path);
  if (!bytes || (master && !opened)) {
    return { fault: 'Blender said that it saved the frame, but wrote no file' };
  }
  const fault = await frameFault(bytes, resolution);
  if (fault) return { fault: `Blender saved a bad file: ${fault}` };
  const masterFault = master && (await opened?.fault(master.ending, resolution));
  if (masterFault)
    return { fault: `Blender saved a bad ${master.ending.toUpperCase()} file: ${masterFault}` };
  // In this order, so that who is killed between the two leaves no record of a failure beside a frame that is whole: the
  // next attempt would keep the frame and the record with it.
  await storage.delete(failureUrl(folder, frame));
  if (master && opened) {
    const options = { contentType: MASTER_TYPES[master.ending] };
    await storage.upload(opened.path, masterUrl(folder, frame, master.ending), options);
  }
  await storage.put(frameUrl(folder, frame), bytes, { contentType: 'image/png' });
  return { bytes: bytes.byteLength };
}

const MASTER_TYPES: Readonly<Record<MasterEnding, string>> = { exr: 'image/x-exr', jpg: 'image/jpeg' };

async function readSaved(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Whether a frame in storage is whole. A frame that is there but not whole counts as not there. */
export async function isFrameInPlace(frame: number, { manifest, folder, storage }: Place): Promise<boolean> {
  return (await readFrame(frame, folder, manifest.resolution, storage)).bytes !== undefined;
}
