import { blockHeaderBytes, parseBlockHeader, type Block } from './block-header';
import type { BlendHeader } from './blend-header';
import type { ByteWindow } from './byte-window';

/**
 * Shows `visit` every block header from `offset` on, in the order of the file, until it answers `stop` or the end
 * block has been shown. The blocks' data is skipped, and unread where it is large. Keeps nothing: a file may have
 * millions of blocks. Throws `truncated` where the file ends before the end block, and `bad-block`.
 */
export async function walkBlocks(
  window: ByteWindow,
  header: BlendHeader,
  offset: number,
  visit: (block: Block) => 'stop' | void,
): Promise<void> {
  const headerBytes = blockHeaderBytes(header);
  for (;;) {
    const bytes = window.peek(offset, headerBytes) ?? (await window.read(offset, headerBytes));
    const block = parseBlockHeader(bytes, header, offset, window.size);
    if (visit(block) === 'stop' || block.code === 'ENDB') return;
    offset = block.dataOffset + block.length;
  }
}
