import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { takeLock } from '../../core/batch/local/lock';
import type { Manifest } from '../../core/contract/manifest';
import { messageOf, SpotreelError } from '../../core/errors';
import { printable } from '../../core/printable';
import { hasEnded } from '../../core/render-state/has-ended';
import { framesOf } from '../../core/render/frame-range';
import { filePath } from '../../core/storage/location';
import { openStorage } from '../../core/storage/open-storage';
import { StorageError } from '../../core/storage/storage';
import { describeDownload, makesVideo, readingOfDownload, reportOf } from '../download/describe-download';
import { downloadOnce, type Download, type Tally } from '../download/download-render';
import { prepareDirectory, refuseSameFolder, UNFINISHED } from '../download/local-copy';
import type { Wanted } from '../download/wanted-files';
import { createMeter } from '../meter';
import { namedFrames } from '../named-frames';
import { findPlace, findRender, type Place, type PlaceFlags } from '../place';
import { listenForStop } from '../stop-signals';

export interface DownloadFlags extends PlaceFlags {
  readonly frames?: string;
  readonly video?: boolean;
  readonly watch?: boolean;
  readonly json?: boolean;
}

/** Seconds between two looks at a render that goes on: doubled while nothing comes. */
const LOOK_SECONDS = { first: 2, longest: 30 };

/** Looks in a row that fail for the network's sake before it counts. */
const MOST_FAULTS = 10;

/** All that is asked for is here, or not (yet) there. */
const EXIT_CODES = { complete: 0, partial: 3 } as const;

/** `spotreel download RENDERID [DIR]`. Gives the exit code. */
export async function downloadCommand(
  renderId: string,
  directory: string | undefined,
  flags: DownloadFlags,
): Promise<number> {
  const storage = openStorage();
  const place = await findPlace(flags);
  const { folder, manifest } = await findRender(renderId, place, storage);
  const wanted = wantedOf(flags, manifest);
  const target = resolve(directory ?? renderId);
  await prepareDirectory(target);
  if (folder.protocol === 'file:') await refuseSameFolder(target, filePath(folder));
  const stopping = listenForStop();
  const unfinished = join(target, UNFINISHED);
  const lock = await takeLock(unfinished);
  const tally: Tally = { frames: new Set(), fetched: 0, kept: 0, bytes: 0 };
  const meter = createMeter(process.stderr, Date.now);
  const services = { storage, unfinished, signal: stopping.signal };
  const onProgress = (): void => meter.show(readingOfDownload(tally, wanted.frames.size));
  const download = { wanted, folder, manifest, directory: target, services, onProgress };
  try {
    await (flags.watch ? watch(download, place, tally) : downloadOnce(download, tally, new Map()));
    // What lies there still is of versions that are no more.
    await rm(unfinished, { recursive: true, force: true });
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
  } finally {
    meter.stop();
    lock.release();
    stopping.release();
  }
  const report = reportOf(download, tally);
  say(describeDownload(report, wanted.frames, tally));
  if (stopping.signal.aborted) say('stopped: the same command goes on from there');
  if (flags.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  return stopping.exitCode() || EXIT_CODES[report.state];
}

/** Looks again and again, until nothing more will come. */
async function watch(download: Download, { batch }: Place, tally: Tally): Promise<void> {
  const { folder, services } = download;
  const asked = { folder, storage: services.storage, batch, now: Date.now };
  const known = new Map<string, string>();
  let [pause, faults] = [LOOK_SECONDS.first, 0];
  for (;;) {
    const before = tally.fetched;
    try {
      // Asked before the listing, so that nothing comes between the last one and the end.
      const isOver = await hasEnded(asked);
      await downloadOnce(download, tally, known);
      if (isOver) return;
      faults = 0;
    } catch (error) {
      faults += 1;
      if (!isPassing(error) || services.signal.aborted || faults === MOST_FAULTS) throw error;
      say(`${messageOf(error)}; looking again in ${pause} s`);
    }
    await sleep(pause * 1000, undefined, { signal: services.signal });
    pause = tally.fetched > before ? LOOK_SECONDS.first : Math.min(pause * 2, LOOK_SECONDS.longest);
  }
}

/** A fault of the network's, or a file that is written over so often that no version of it could be had. */
function isPassing(error: unknown): boolean {
  return error instanceof StorageError && (error.code === 'unavailable' || error.code === 'changed');
}

/** Throws `bad-usage` for a video that is never made, and frames that are none of the render's. */
function wantedOf({ frames, video = false }: DownloadFlags, manifest: Manifest): Wanted {
  if (video && !makesVideo(manifest)) {
    throw new SpotreelError(
      'bad-usage',
      'usage',
      '--video: this render makes no video, it was asked for frames alone',
    );
  }
  if (frames === undefined) {
    const all = new Set(framesOf(manifest.frames));
    return video ? { frames: new Set(), video, extras: false } : { frames: all, video: true, extras: true };
  }
  return { frames: namedFrames(frames, manifest), video, extras: false };
}

function say(text: string): void {
  process.stderr.write(`${printable(text)}\n`);
}
