import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { messageOf, SpotreelError } from '../../core/errors';
import { takeLock } from '../../core/local-batch/lock';
import { framesOf } from '../../core/render/frames';
import type { Manifest } from '../../core/render/manifest';
import { hasEnded } from '../../core/status/look';
import { openStorage } from '../../core/storage/open-storage';
import { filePath, StorageError } from '../../core/storage/storage';
import {
  describeDownload,
  type Download,
  downloadOnce,
  makesVideo,
  readingOfDownload,
  reportOf,
  type Tally,
  type Wanted,
} from '../download/download';
import { prepareDirectory, refuseSameFolder, UNFINISHED } from '../download/fetch';
import { explain, renderOption, type Run, withPlaceOptions, withRenderId } from '../help';
import { createMeter, listenForStop, say } from '../output';
import { findPlace, findRender, namedFrames, type Place, type PlaceFlags } from '../place';

interface DownloadFlags extends PlaceFlags {
  readonly frames?: string;
  readonly video?: boolean;
  readonly watch?: boolean;
  readonly json?: boolean;
}

/** Seconds between two listings of a running render; the pause doubles while no file is new. */
const LOOK_SECONDS = { first: 2, longest: 30 };

/** Consecutive network failures before the download fails. */
const MOST_FAULTS = 10;

/** `complete`: every requested file is downloaded. `partial`: some do not exist (yet). */
const EXIT_CODES = { complete: 0, partial: 3 } as const;

/** `spotreel download RENDERID [DIR]`. Returns the exit code. */
export async function downloadCommand(
  renderId: string,
  directory: string | undefined,
  flags: DownloadFlags,
): Promise<number> {
  const storage = openStorage();
  const place = await findPlace(flags);
  const { render, manifest } = await findRender(renderId, place, storage);
  const wanted = wantedOf(flags, manifest);
  const target = resolve(directory ?? renderId);
  await prepareDirectory(target);
  if (render.folder.protocol === 'file:') await refuseSameFolder(target, filePath(render.folder));
  const stopping = listenForStop();
  const unfinished = join(target, UNFINISHED);
  const lock = await takeLock(unfinished);
  const tally: Tally = { frames: new Set(), fetched: 0, kept: 0, bytes: 0 };
  const meter = createMeter(process.stderr, Date.now);
  const services = { storage, unfinished, signal: stopping.signal };
  const onProgress = (): void => meter.show(readingOfDownload(tally, wanted.frames.size));
  const download = { wanted, render, manifest, directory: target, services, onProgress };
  try {
    await (flags.watch ? watch(download, place, tally) : downloadOnce(download, tally, new Map()));
    // The remaining partial files belong to versions that no longer exist.
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
  if (stopping.signal.aborted) say('stopped: run the same command again to resume');
  if (flags.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  return stopping.exitCode() || EXIT_CODES[report.state];
}

/** Lists and downloads repeatedly until the render has ended. */
async function watch(download: Download, { batch }: Place, tally: Tally): Promise<void> {
  const { render, services } = download;
  const asked = { render, batch, now: Date.now };
  const known = new Map<string, string>();
  let [pause, faults] = [LOOK_SECONDS.first, 0];
  for (;;) {
    const before = tally.fetched;
    try {
      // Checked before the listing, so that the last listing is complete.
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

/** A network fault, or a file that changes too often to be downloaded. */
function isPassing(error: unknown): boolean {
  return error instanceof StorageError && (error.code === 'unavailable' || error.code === 'changed');
}

/** Throws `bad-usage` for a render without a video, and for frames that the render does not have. */
function wantedOf({ frames, video = false }: DownloadFlags, manifest: Manifest): Wanted {
  if (video && !makesVideo(manifest)) {
    throw new SpotreelError(
      'bad-usage',
      'usage',
      '--video: this render makes no video; it was planned for frames only',
    );
  }
  if (frames === undefined) {
    const all = new Set(framesOf(manifest.frames));
    return video ? { frames: new Set(), video, extras: false } : { frames: all, video: true, extras: true };
  }
  return { frames: namedFrames(frames, manifest), video, extras: false };
}

export function addDownload(command: Command, run: Run): void {
  withRenderId(command)
    .argument('[dir]', 'folder to download to (default: a folder named like the render)')
    .addOption(renderOption('frames', 'download only these frames, such as 1-10,20,30-50x2'))
    .option('--video', 'download only the video; with --frames, both')
    .option('--watch', 'continue until the render ends')
    .option('--json', 'print the result as one JSON object')
    .action((renderId: string, directory: string | undefined, flags: DownloadFlags) =>
      run(async () => downloadCommand(renderId, directory, flags)),
    );
  explain(withPlaceOptions(command), {
    notes:
      'Downloads frames, masters, files of File Output nodes, video, gaps.json, report, receipt, poster, ' +
      'contact sheet and preview. A file appears only when it is complete. ' +
      'Existing files are compared by size and checksum, and downloaded again only if they differ. ' +
      'After Ctrl-C, run the same command again to resume, also within a large file. ' +
      'Files in DIR are never deleted. Only one download can use DIR at a time.',
    exitCodes: [
      [0, 'every requested file is downloaded'],
      [1, 'failed'],
      [2, 'wrong usage'],
      [3, 'frames or the video are missing, or the video has gaps'],
      [130, 'interrupted'],
    ],
    examples: [
      'spotreel download shot-1a2b3c4d',
      'spotreel download shot-1a2b3c4d ~/films/shot --frames 1-10',
      'spotreel download shot-1a2b3c4d --video --watch',
    ],
  });
}
