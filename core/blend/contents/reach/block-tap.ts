import type { Block } from '../../block-header';

/** Is shown the bytes of blocks as they are, before the parts are shown their structs. */
export interface BlockTap {
  /** How many bytes of the block's data it wants, 0 for none. */
  wants(block: Block): number;
  /** The bytes are valid until this returns. */
  take(block: Block, bytes: Uint8Array): void;
  /** The block that was shown last was the last of its data block. Parts have been told before. */
  ownerEnds(): void;
}
