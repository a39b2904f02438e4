import type { ByteSource } from '../storage/storage';
import { BlendFormatError } from './blend-format-error';
import { MAX_BLEND_HEADER_BYTES, parseBlendHeader, type BlenderVersion } from './blend-header';
import { ByteWindow } from './byte-window';
import { DECODE_LIMITS, type Compression, type DecodeLimits } from './decoded-blend';
import { indexBlocks, type BlockIndex } from './index-blocks';
import { openDecodedBlend } from './open-decoded-blend';
import { readScene, type SceneFacts } from './read-scene';
import { Sdna } from './sdna';
import { decodeText, StructView } from './struct-view';

export type { SceneFacts };

/** What a render needs to know of a `.blend` before any Blender opens it. */
export interface BlendFacts {
  /** Of the Blender that saved it; an older one may not open it. */
  readonly blenderVersion: BlenderVersion;
  readonly compression: Compression;
  /** Those that are the file's own, at least one, in the order of the file; linked ones are not among them. */
  readonly scenes: readonly SceneFacts[];
  /** Name of the scene that Blender renders if it isn't told another. */
  readonly activeScene: string;
}

/**
 * Reads the facts of a `.blend` of any version from its bytes, without Blender: nothing in the file is ever run.
 * Of large blocks only the headers are read. The source is left open.
 *
 * Throws `BlendFormatError` for a file that is none or is damaged, and whatever the source throws. Time and memory
 * are bounded by `limits` and the file's own size, also for a file that was made to do harm.
 */
export async function readBlendFacts(
  source: ByteSource,
  limits: DecodeLimits = DECODE_LIMITS,
): Promise<BlendFacts> {
  try {
    return await readFacts(source, limits);
  } catch (error) {
    throw error instanceof BlendFormatError ? error.inFile(fileName(source.url)) : error;
  }
}

async function readFacts(source: ByteSource, limits: DecodeLimits): Promise<BlendFacts> {
  const decoded = await openDecodedBlend(source, limits);
  const window = new ByteWindow(decoded);
  const header = parseBlendHeader(await window.read(0, MAX_BLEND_HEADER_BYTES));
  const index = await indexBlocks(window, header);
  const { dna } = index;
  const sdna = new Sdna(await window.read(dna.dataOffset, dna.length), header, dna.dataOffset);

  const scenes: SceneFacts[] = [];
  for (const block of index.scenes) scenes.push(await readScene(window, sdna, block));
  return {
    blenderVersion: header.version,
    compression: decoded.compression,
    scenes,
    activeScene: await activeSceneName(window, sdna, index, scenes),
  };
}

/**
 * The scene that `GLOB` points to, else the one that `REND` names, else the first: what Blender 3.4 was seen to do
 * for a pointer that is null or leads nowhere.
 */
async function activeSceneName(
  window: ByteWindow,
  sdna: Sdna,
  index: BlockIndex,
  scenes: readonly SceneFacts[],
): Promise<string> {
  if (index.global) {
    const global = await StructView.read(window, sdna, index.global, 'FileGlobal');
    const active = global.pointer('curscene');
    const position = active ? index.scenes.findIndex((block) => block.address === active) : -1;
    if (position >= 0) return scenes[position]!.name;
  }
  if (index.render && index.render.length > 8) {
    // No struct of the SDNA: two integers, then the name.
    const bytes = await window.read(index.render.dataOffset + 8, Math.min(index.render.length - 8, 1024));
    const name = decodeText(bytes);
    if (scenes.some((scene) => scene.name === name)) return name;
  }
  return scenes[0]!.name;
}

function fileName(url: URL): string {
  const segment = url.pathname.slice(url.pathname.lastIndexOf('/') + 1);
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
