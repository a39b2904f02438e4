import { BlendFormatError } from './blend-format-error';
import { blockHeaderBytes, parseBlockHeader, type Block } from './block-header';
import type { ByteWindow } from './byte-window';
import { ReadBudgetSpent } from './ranged-source';
import { SceneReader, type SceneFacts } from './read-scene';
import type { Sdna } from './sdna';
import { StructView } from './struct-view';

/** The most scenes seen in a real file are 301. What is read of them is held. */
const MAX_SCENES = 4096;
const MAX_VIEW_LAYERS = 4096;

/** As many of the smallest blocks as the read budget holds. */
const MAX_BLOCKS = 3_000_000;

export interface FoundScene {
  readonly address: bigint;
  readonly facts: SceneFacts;
}

/** What a walk has found so far; goes on being true when the walk is broken off. */
export interface Found {
  /** In the order of the file, which is that of their names. */
  readonly scenes: FoundScene[];
  /** `GLOB`, which points to the active scene. */
  global: StructView | undefined;
}

/**
 * Walks from the file's first block over its scenes, which stand together with all that belongs to them, and on to `GLOB`
 * if that did not come before, or to the end of the file if there are none. Adds to `found` each scene that is complete.
 *
 * Throws `no-scene`, `bad-block`, `bad-sdna`, `truncated`, `too-large` for more scenes or view layers than can be held, and
 * `ReadBudgetSpent` for too many blocks.
 */
export async function scanScenes(window: ByteWindow, sdna: Sdna, found: Found): Promise<void> {
  const headerBytes = blockHeaderBytes(sdna.header);
  let scene: SceneReader | undefined;
  let layers = 0;
  let offset = sdna.header.length;
  for (let blocks = 0; ; blocks++) {
    if (blocks > MAX_BLOCKS) throw new ReadBudgetSpent(`${MAX_BLOCKS} blocks`);
    const bytes = window.peek(offset, headerBytes) ?? (await window.read(offset, headerBytes));
    const block = parseBlockHeader(bytes, sdna.header, offset, window.size);
    offset = block.dataOffset + block.length;
    if (block.code === 'DATA') {
      if (scene?.wants(block)) await scene.add(block);
      continue;
    }
    if (scene !== undefined) {
      layers += scene.layerCount;
      found.scenes.push({ address: scene.address, facts: scene.facts() });
      scene = undefined;
    }
    if (block.code === 'ENDB') {
      if (found.scenes.length > 0) return;
      throw new BlendFormatError('no-scene', block.offset, 'the file has no scene');
    }
    if (block.code === 'SC') {
      checkRoom(found.scenes.length, layers, block);
      scene = await SceneReader.open(window, sdna, block);
    } else if (block.code === 'GLOB') {
      found.global = await StructView.read(window, sdna, block, 'FileGlobal');
    }
    if (scene === undefined && found.scenes.length > 0 && found.global !== undefined) return;
  }
}

function checkRoom(scenes: number, layers: number, block: Block): void {
  if (scenes >= MAX_SCENES)
    throw new BlendFormatError('too-large', block.offset, 'the file has too many scenes');
  if (layers > MAX_VIEW_LAYERS) {
    throw new BlendFormatError('too-large', block.offset, 'the file has too many view layers');
  }
}
