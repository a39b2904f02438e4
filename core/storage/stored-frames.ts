import { frameOfName, framesFolder } from '../contract/keys';
import type { Manifest } from '../contract/manifest';
import { framesOf } from '../render/frame-range';
import type { Storage } from './storage';

/** Frames of the plan that have a file in the render's folder; whether the files are whole is another question. */
export async function storedFrames(
  manifest: Pick<Manifest, 'frames'>,
  render: URL,
  storage: Storage,
): Promise<Set<number>> {
  const wanted = new Set(framesOf(manifest.frames));
  const stored = new Set<number>();
  const folder = framesFolder(render);
  for await (const { url } of storage.list(folder)) {
    const frame = frameOfName(url.pathname.slice(folder.pathname.length));
    if (frame !== undefined && wanted.has(frame)) stored.add(frame);
  }
  return stored;
}
