import type { ByteSource } from '../../storage/storage';
import {
  ByteWindow,
  type Compression,
  DECODE_LIMITS,
  type DecodeLimits,
  FRUGAL,
  HEAD_BYTES,
  RangedSource,
  READ_BUDGET,
  type ReadAhead,
  readBudgetOf,
  ReadBudgetSpent,
  unpacksTooLarge,
} from './bytes';
import {
  BlendFormatError,
  type BlendHeader,
  type Block,
  blockHeaderBytes,
  fileNameOf,
  type FileVersion,
  MAX_BLEND_HEADER_BYTES,
  parseBlendHeader,
  parseBlockHeader,
} from './header';
import { openDecodedBlend } from './open-blend';
import { type SceneFacts, SceneReader } from './read-scene';
import { findSdna, type Sdna } from './sdna';
import { decodeText, StructView } from './struct-view';

/** A block `REND`: what Blender's `blend_render_info.py` reads without the file's structs. */
interface RenderRange {
  readonly scene: string;
  readonly frameStart: number;
  /** Inclusive. */
  readonly frameEnd: number;
}

/** `MAX_ID_NAME` of Blender 5 is 258, including the letters `SC`, which this block leaves out. */
const MAX_NAME_BYTES = 256;

const NUMBERS_BYTES = 8;

/**
 * Reads a block `REND`: two integers and a name, in no struct of the SDNA (`write_renderinfo` in Blender's `writefile.cc`).
 * `undefined` if it is too short.
 */
async function readRenderBlock(
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

/** The first blocks of a file, which can be read without its structs. */
interface Front {
  /** One for the active scene and for each that renders in the background; none in files saved without a window. */
  readonly renderRanges: RenderRange[];
  /** From `GLOB`, which up to Blender 2.41 is at the end of the file instead. */
  subversion: number | undefined;
}

const FRONT_CODES = new Set(['REND', 'TEST', 'GLOB']);

/** Known files have one at most. */
const MAX_RENDER_BLOCKS = 64;

/** Adds the blocks `REND` and `GLOB` at the start of the file to `front`. Throws `bad-block` and `truncated`. */
async function readFront(window: ByteWindow, header: BlendHeader, front: Front): Promise<void> {
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

/** In all versions the subversion follows the four letters of `subvstr`. */
async function subversionOf(
  window: ByteWindow,
  header: BlendHeader,
  block: Block,
): Promise<number | undefined> {
  const bytes = await window.read(block.dataOffset, Math.min(block.length, 6));
  if (bytes.length < 6) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset).getInt16(4, header.littleEndian);
}

/** Real files have up to 301 scenes. All of them are kept in memory. */
const MAX_SCENES = 4096;
const MAX_VIEW_LAYERS = 4096;

/** As many of the smallest blocks as the read budget holds. */
const MAX_BLOCKS = 3_000_000;

export interface FoundScene {
  readonly address: bigint;
  readonly facts: SceneFacts;
}

/** What a walk has found so far; it holds even if the walk stops early. */
interface Found {
  /** In the order of the file, which sorts them by name. */
  readonly scenes: FoundScene[];
  /** `GLOB`, which points to the active scene. */
  global: StructView | undefined;
}

/**
 * Adds each complete scene of the file to `found`, and `GLOB`. A file keeps its scenes and their data together. The walk ends
 * after the scenes and `GLOB`, or at the end of a file that lacks either.
 *
 * Throws `no-scene`, `bad-block`, `bad-sdna`, `truncated`, `too-large` for too many scenes or view layers, and
 * `ReadBudgetSpent` for too many blocks.
 */
async function scanScenes(window: ByteWindow, sdna: Sdna, found: Found): Promise<void> {
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

export type { RenderRange, SceneFacts };

/** What a render must know about a `.blend` before Blender opens it. */
export interface BlendFacts {
  /** Of the Blender that saved the file; an older one may not open it. */
  readonly blenderVersion: FileVersion;
  /** Counts format changes within a version; `undefined` if the file does not name it. */
  readonly blenderSubversion: number | undefined;
  readonly compression: Compression;
  /**
   * The file's own scenes in its order, at least one; linked ones are left out. If `incomplete`, those that were found, maybe
   * none.
   */
  readonly scenes: readonly SceneFacts[];
  /** The scene that Blender renders by default. If `incomplete`, it may be empty or missing from `scenes`. */
  readonly activeScene: string;
  /** The scenes to render by the file's first bytes; empty if it was saved without a window. */
  readonly renderRanges: readonly RenderRange[];
  /**
   * Whether the file needs more reads than `READ_BUDGET` allows, such as a gzip file over 64 MiB in a bucket. All other facts
   * hold.
   */
  readonly incomplete: boolean;
}

/** For zstd: each byte costs work, and unpacked bytes stay in memory. */
const ZSTD_AHEAD: ReadAhead = { firstBytes: 64 << 10, maxBytes: 64 << 10 };

const AHEAD: ReadAhead = { ...FRUGAL, firstBytes: HEAD_BYTES };

/**
 * Reads the facts of a `.blend` of any version without Blender; nothing in the file ever runs. An ordinary file of any size
 * takes two requests and 1.2 MB. The source stays open.
 *
 * Throws `BlendFormatError` for a file that is not a `.blend` or is damaged where it is read, and what the source throws.
 * Requests, bytes, time and memory are bounded, for hostile files too.
 */
export async function readBlendFacts(
  source: ByteSource,
  limits: DecodeLimits = DECODE_LIMITS,
): Promise<BlendFacts> {
  try {
    return await readFacts(source, limits);
  } catch (error) {
    throw error instanceof BlendFormatError ? error.inFile(fileNameOf(source.url)) : error;
  }
}

async function readFacts(source: ByteSource, limits: DecodeLimits): Promise<BlendFacts> {
  const decoded = await openDecodedBlend(
    await RangedSource.open(source, readBudgetOf(source.url, READ_BUDGET)),
    limits,
  );
  const { compression } = decoded;
  const window = new ByteWindow(decoded, compression === 'zstd' ? ZSTD_AHEAD : AHEAD);
  if (decoded.cut && decoded.size < MAX_BLEND_HEADER_BYTES) throw unpacksTooLarge(compression, decoded.size);
  const header = parseBlendHeader(await window.read(0, MAX_BLEND_HEADER_BYTES));
  const front: Front = { renderRanges: [], subversion: undefined };
  const found: Found = { scenes: [], global: undefined };
  const incomplete = !(await withinBudget(async () => {
    await readFront(window, header, front);
    if (decoded.cut) throw new ReadBudgetSpent(`${READ_BUDGET.bytes >> 20} MiB from storage`);
    await scanScenes(window, await findSdna(decoded, header), found);
  }));
  return {
    blenderVersion: header.version,
    blenderSubversion: found.global?.integer('subversion') ?? front.subversion,
    compression,
    scenes: found.scenes.map(({ facts }) => facts),
    activeScene: activeSceneName(found, front, incomplete),
    renderRanges: front.renderRanges,
    incomplete,
  };
}

/** Whether `read` finished within the budget. */
async function withinBudget(read: () => Promise<void>): Promise<boolean> {
  try {
    await read();
    return true;
  } catch (error) {
    if (error instanceof ReadBudgetSpent) return false;
    throw error;
  }
}

/** The scene of `GLOB`, else of `REND`, else the first: Blender 3.4 does this if the pointer is null or leads nowhere. */
function activeSceneName({ scenes, global }: Found, { renderRanges }: Front, incomplete: boolean): string {
  const address = global?.pointer('curscene');
  const active = address ? scenes.find((scene) => scene.address === address) : undefined;
  if (active) return active.facts.name;
  const named = renderRanges[0]?.scene;
  // The scene may be one that was not found.
  if (incomplete) return named ?? '';
  if (named !== undefined && scenes.some(({ facts }) => facts.name === named)) return named;
  return scenes[0]!.facts.name;
}
