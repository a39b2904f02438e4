import { failureSchema } from '../../core/contract/failure';
import type { Gaps } from '../../core/contract/gaps';
import { failuresFolder, failureUrl } from '../../core/contract/keys';
import type { Manifest } from '../../core/contract/manifest';
import { mapConcurrently } from '../../core/map-concurrently';
import { readRecord } from '../../core/storage/read-record';
import type { Storage } from '../../core/storage/storage';
import { storedFrames } from '../../core/storage/stored-frames';
import type { Gap } from './fill-gaps';
import { readFrame } from './read-frame';

/** Objects that are asked for at a time. */
const AT_ONCE = 8;

/** Why a frame was given up; `undefined` where nothing (or nothing readable) says so. */
export async function failureReason(
  frame: number,
  folder: URL,
  storage: Storage,
): Promise<string | undefined> {
  return (await readRecord(failureSchema, failureUrl(folder, frame), storage))?.reason;
}

/** The gaps as `gaps.json` tells them, each with its reason. */
export async function gapsOf(gaps: readonly Gap[], folder: URL, storage: Storage): Promise<Gaps['gaps']> {
  const told = new Set<string>();
  // One listing in place of a question for each of what may be many thousands.
  for await (const { url } of storage.list(failuresFolder(folder))) told.add(url.href);
  return mapConcurrently(gaps, AT_ONCE, async ({ frame, fault, shown }) => {
    const failure = told.has(failureUrl(folder, frame).href)
      ? await failureReason(frame, folder, storage)
      : undefined;
    const bad = fault === undefined ? undefined : `its file is not whole: ${fault}`;
    return { frame, reason: bad ?? failure ?? 'it was not rendered', shown };
  });
}

/** Whether any of the gaps is one still. */
export async function stillMissing(
  gaps: readonly Gap[],
  { manifest, input }: { readonly manifest: Manifest; readonly input: URL },
  storage: Storage,
): Promise<boolean> {
  const there = await storedFrames(manifest, input, storage);
  if (gaps.some(({ frame }) => !there.has(frame))) return true;
  for (const { frame } of gaps) {
    const { bytes } = await readFrame(frame, input, manifest.resolution, storage);
    if (!bytes) return true;
  }
  return false;
}
