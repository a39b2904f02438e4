import { BlendFormatError } from './blend-format-error';
import type { Block } from './block-header';
import type { BlendHeader } from './blend-header';
import type { ByteWindow } from './byte-window';
import { walkBlocks } from './walk-blocks';

/** The few blocks by which all else in a file is found. */
export interface BlockIndex {
  /** The structs of all others. */
  readonly dna: Block;
  /** Names the active scene by its address. At the end of the file up to Blender 2.41. */
  readonly global: Block | undefined;
  /** Names the active scene by its name; missing in files written without a window. */
  readonly render: Block | undefined;
  /** In the order of the file, which is that of their names. */
  readonly scenes: readonly Block[];
}

/** The most scenes seen in a real file are 301. */
const MAX_SCENES = 1 << 16;

/** Real ones take 26 to 135 kB. */
const MAX_DNA_BYTES = 16 << 20;

/**
 * Walks over all blocks of a file and keeps these. Throws `truncated` for a file without its end block, `no-scene`,
 * `bad-sdna` where there is no `DNA1`, `bad-block`, and `too-large`.
 */
export async function indexBlocks(window: ByteWindow, header: BlendHeader): Promise<BlockIndex> {
  const scenes: Block[] = [];
  let dna: Block | undefined;
  let global: Block | undefined;
  let render: Block | undefined;
  let end = 0;
  await walkBlocks(window, header, header.length, (block) => {
    end = block.offset;
    switch (block.code) {
      case 'SC':
        if (scenes.push(block) > MAX_SCENES)
          throw new BlendFormatError('too-large', end, 'the file has too many scenes');
        break;
      case 'GLOB':
        global = block;
        break;
      // The first one counts, as it does for Blender.
      case 'REND':
        render ??= block;
        break;
      case 'DNA1':
        dna ??= block;
        break;
    }
  });
  // Assigned in a callback, which the compiler does not follow.
  const found = { dna, global, render } as Partial<Pick<BlockIndex, 'dna' | 'global' | 'render'>>;
  if (found.dna === undefined)
    throw new BlendFormatError('bad-sdna', end, 'the file lacks the description of its structs');
  if (found.dna.length > MAX_DNA_BYTES) {
    const reason = `the description of the file's structs is ${found.dna.length} bytes long`;
    throw new BlendFormatError('bad-sdna', found.dna.offset, reason);
  }
  if (scenes.length === 0) throw new BlendFormatError('no-scene', end, 'the file has no scene');
  return { dna: found.dna, global: found.global, render: found.render, scenes };
}
