import { frameOfName, framesFolder } from '../contract/keys';
import type { Manifest } from '../contract/manifest';
import { framesOf } from '../render/frame-range';
import type { ObjectInfo, Storage } from './storage';

/**
 * Frames of the plan that have a file in the render's folder; whether the files are whole is another question. `onFrame` is told
 * of each.
 */
export async function storedFrames(
  manifest: Pick<Manifest, 'frames'>,
  render: URL,
  storage: Storage,
  onFrame: (info: ObjectInfo) => void = () => undefined,
): Promise<Set<number>> {
  const wanted = new Set(framesOf(manifest.frames));
  const stored = new Set<number>();
  const folder = framesFolder(render);
  for await (const info of storage.list(folder)) {
    const frame = frameOfName(info.url.pathname.slice(folder.pathname.length));
    if (frame === undefined || !wanted.has(frame)) continue;
    stored.add(frame);
    onFrame(info);
  }
  return stored;
}
