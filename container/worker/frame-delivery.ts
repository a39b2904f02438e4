import { readFile, rm } from 'node:fs/promises';
import { codeOf } from '../../core/errors';
import { failureUrl, frameUrl } from '../../core/contract/keys';
import type { Manifest } from '../../core/contract/manifest';
import type { Storage } from '../../core/storage/storage';
import { frameFault } from './frame-check';
import { readFrame } from './read-frame';

/** What became of a frame that Blender says it has saved. */
export type Delivery = { readonly bytes: number } | { readonly fault: string };

/** Checks a saved frame, takes any record of an earlier failure away, and moves the frame into storage whole. */
export async function deliverFrame(
  frame: number,
  path: string,
  { manifest, folder, storage }: { manifest: Pick<Manifest, 'resolution'>; folder: URL; storage: Storage },
): Promise<Delivery> {
  const bytes = await readSaved(path);
  if (!bytes) return { fault: 'Blender said that it saved the frame, but wrote no file' };
  const fault = await frameFault(bytes, manifest.resolution);
  await rm(path, { force: true });
  if (fault) return { fault: `Blender saved a bad file: ${fault}` };
  // In this order, so that who is killed between the two leaves no record of a failure beside a frame that is whole: the
  // next attempt would keep the frame and the record with it.
  await storage.delete(failureUrl(folder, frame));
  await storage.put(frameUrl(folder, frame), bytes, { contentType: 'image/png' });
  return { bytes: bytes.byteLength };
}

async function readSaved(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Whether a frame in storage is whole. A frame that is there but not whole counts as not there. */
export async function isFrameInPlace(
  frame: number,
  { manifest, folder, storage }: { manifest: Pick<Manifest, 'resolution'>; folder: URL; storage: Storage },
): Promise<boolean> {
  return (await readFrame(frame, folder, manifest.resolution, storage)).bytes !== undefined;
}
