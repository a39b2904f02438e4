import type { BlendHeader } from './blend-header';
import type { Block } from './block-header';
import type { ByteWindow } from './byte-window';
import { decodeText } from './struct-view';

/** What a block `REND` tells of a scene, without the file's structs: all that Blender's `blend_render_info.py` reads. */
export interface RenderRange {
  readonly scene: string;
  readonly frameStart: number;
  /** Inclusive. */
  readonly frameEnd: number;
}

/** `MAX_ID_NAME` of Blender 5 is 258, and the letters `SC` are left out here. */
const MAX_NAME_BYTES = 256;

const NUMBERS_BYTES = 8;

/**
 * Reads a block `REND`: two integers and a name, no struct of the SDNA (Blender's `writefile.cc`, `write_renderinfo`).
 * `undefined` where it is too short.
 */
export async function readRenderBlock(
  window: ByteWindow,
  header: BlendHeader,
  block: Block,
): Promise<RenderRange | undefined> {
  const bytes = await window.read(block.dataOffset, Math.min(block.length, NUMBERS_BYTES + MAX_NAME_BYTES));
  if (block.length <= NUMBERS_BYTES || bytes.length <= NUMBERS_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    scene: decodeText(bytes.subarray(NUMBERS_BYTES)),
    frameStart: view.getInt32(0, header.littleEndian),
    frameEnd: view.getInt32(4, header.littleEndian),
  };
}
