import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { frameUrl, previewUrl } from '../../core/contract/keys';
import type { Manifest } from '../../core/contract/manifest';
import { framesAt } from '../../core/render/frame-range';
import { coarseSlices } from '../../core/render/slices';
import { coarsePreviewArgs, PREVIEW_NAME } from './showcase-args';
import { Shower } from './showcase';
import type { WorkerContext } from './worker-context';

/**
 * `preview.mp4` while a render still runs: one frame of each slice that came first, shown for as long as the film will be.
 * Every one of those slices' children looks once, after its first frame, whether all such frames are there, so that the last
 * of them makes it; the stitch job puts the whole film in its place.
 */
export class EarlyPreview {
  private readonly frames: readonly number[];
  private work: Promise<unknown> | undefined;

  constructor(
    private readonly manifest: Manifest,
    private readonly folder: URL,
    index: number,
    private readonly context: WorkerContext,
  ) {
    const { sliceOrder, sliceCount, frames, framesPerSlice } = manifest;
    const coarse = sliceOrder === 'spread' && sliceCount > 1 ? coarseSlices(sliceCount) : [];
    this.frames =
      index < coarse.length
        ? coarse.flatMap((slice) => framesAt(frames, slice * framesPerSlice, slice * framesPerSlice))
        : [];
  }

  /** Once, beside whatever else goes on: nothing waits for it, and nothing fails by it. */
  begin(): void {
    if (this.frames.length > 0) this.work ??= this.make().catch(() => undefined);
  }

  /** When it is over, if it was begun. */
  async end(): Promise<void> {
    await this.work;
  }

  private async make(): Promise<void> {
    const { folder, context, manifest } = this;
    const { storage, scratch, say, signal } = context;
    for (const frame of this.frames) {
      if (signal.aborted || !(await storage.head(frameUrl(folder, frame)))) return;
    }
    const directory = join(scratch.own, 'preview');
    await mkdir(directory, { recursive: true });
    const show = new Shower(directory, context);
    const { numerator, denominator } = manifest.frameRate;
    const seconds = (manifest.frameCount * denominator) / numerator;
    const made = await show.make(PREVIEW_NAME, previewUrl(folder), 'video/mp4', async (path) => {
      const files = await show.fetch(this.frames, folder);
      const pictures = files.map((file) => file.path);
      await show.ffmpeg(coarsePreviewArgs(pictures, seconds, manifest, path));
      return true;
    });
    const line = `preview.mp4 shows ${this.frames.length} frames spread over the shot`;
    if (made) say({ event: 'output', program: 'worker', line });
  }
}
