import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The folders of a worker. A sandboxed program can write below the folders that it is granted, and can replace none of them by a
 * link, because the folder above them is not granted.
 */
export interface Scratch {
  /** Home and temporary folder of Blender, which may write here. */
  readonly blender: string;
  /** Where Blender saves frames and sound; it may write here. Files are directly in it. */
  readonly saved: string;
  /** Home, temporary folder and outputs of ffmpeg, which may write here. */
  readonly ffmpeg: string;
  /** Files of the worker: no sandboxed program may write here. */
  readonly own: string;
}

/** Makes the folders below `root`, for this user alone. */
export async function makeScratch(root: string): Promise<Scratch> {
  const at = (name: string) => join(root, name);
  const scratch = { blender: at('blender'), saved: at('saved'), ffmpeg: at('ffmpeg'), own: at('own') };
  for (const folder of Object.values(scratch)) await mkdir(folder, { recursive: true, mode: 0o700 });
  return scratch;
}
