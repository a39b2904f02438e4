import type { BlendHeader } from './blend-header';
import { blockHeaderBytes, parseBlockHeader, type Block } from './block-header';
import type { ByteWindow } from './byte-window';
import { readRenderBlock, type RenderRange } from './render-block';

/** What stands in front of everything else, and can be read without the file's structs. */
export interface Front {
  /** One of the active scene, and of each that is rendered in the background; none in files written without a window. */
  readonly renderRanges: RenderRange[];
  /** What `GLOB` tells of it, which up to Blender 2.41 stands at the end instead. */
  subversion: number | undefined;
}

const FRONT_CODES = new Set(['REND', 'TEST', 'GLOB']);

/** No file is known that has more than one. */
const MAX_RENDER_BLOCKS = 64;

/** Adds to `front` what `REND` and `GLOB` tell where they stand before all else. Throws `bad-block` and `truncated`. */
export async function readFront(window: ByteWindow, header: BlendHeader, front: Front): Promise<void> {
  const headerBytes = blockHeaderBytes(header);
  for (let offset = header.length; ;) {
    const block = parseBlockHeader(await window.read(offset, headerBytes), header, offset, window.size);
    if (!FRONT_CODES.has(block.code) || front.renderRanges.length >= MAX_RENDER_BLOCKS) return;
    if (block.code === 'REND') {
      const range = await readRenderBlock(window, header, block);
      if (range) front.renderRanges.push(range);
    } else if (block.code === 'GLOB') {
      front.subversion = await subversionOf(window, header, block);
      return;
    }
    offset = block.dataOffset + block.length;
  }
}

/** In all versions it follows the four letters of `subvstr`. */
async function subversionOf(
  window: ByteWindow,
  header: BlendHeader,
  block: Block,
): Promise<number | undefined> {
  const bytes = await window.read(block.dataOffset, Math.min(block.length, 6));
  if (bytes.length < 6) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset).getInt16(4, header.littleEndian);
}
