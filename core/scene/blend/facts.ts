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

/** What a block `REND` tells of a scene, without the file's structs: all that Blender's `blend_render_info.py` reads. */
interface RenderRange {
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

/** What stands in front of everything else, and can be read without the file's structs. */
interface Front {
  /** One of the active scene, and of each that is rendered in the background; none in files written without a window. */
  readonly renderRanges: RenderRange[];
  /** What `GLOB` tells of it, which up to Blender 2.41 stands at the end instead. */
  subversion: number | undefined;
}

const FRONT_CODES = new Set(['REND', 'TEST', 'GLOB']);

/** No file is known that has more than one. */
const MAX_RENDER_BLOCKS = 64;

/** Adds to `front` what `REND` and `GLOB` tell where they stand before all else. Throws `bad-block` and `truncated`. */
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
interface Found {
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

/** What a render needs to know of a `.blend` before any Blender opens it. */
export interface BlendFacts {
  /** Of the Blender that saved it; an older one may not open it. */
  readonly blenderVersion: FileVersion;
  /** Counts changes of the file format within a version; `undefined` where the file does not tell. */
  readonly blenderSubversion: number | undefined;
  readonly compression: Compression;
  /**
   * Those that are the file's own, at least one, in the order of the file; linked ones are not among them. Of an
   * `incomplete` answer: those that were found, maybe none.
   */
  readonly scenes: readonly SceneFacts[];
  /**
   * Name of the scene that Blender renders if it isn't told another. Of an `incomplete` answer: as far as the file was
   * read, empty where nothing names it; it need not be among `scenes`.
   */
  readonly activeScene: string;
  /** What the file says in its first bytes of the scenes to render; empty where it was saved without a window. */
  readonly renderRanges: readonly RenderRange[];
  /**
   * Whether more of the file would have had to be read than `READ_BUDGET` allows, as of a gzip file of more than 64 MiB in a bucket.
   * What stands here is true all the same.
   */
  readonly incomplete: boolean;
}

/** Of zstd, where each byte has to be unpacked, and those that were lie in memory. */
const ZSTD_AHEAD: ReadAhead = { firstBytes: 64 << 10, maxBytes: 64 << 10 };

const AHEAD: ReadAhead = { ...FRUGAL, firstBytes: HEAD_BYTES };

/**
 * Reads the facts of a `.blend` of any version from its bytes, without Blender: nothing in the file is ever run. An
 * ordinary file, however large, takes two requests and 1.2 MB. The source is left open.
 *
 * Throws `BlendFormatError` for a file that is none or is damaged, as far as it is read, and whatever the source throws.
 * Requests, bytes, time and memory are bounded, also for a file that was made to do harm.
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

/** Whether it came to its end before the budget was spent. */
async function withinBudget(read: () => Promise<void>): Promise<boolean> {
  try {
    await read();
    return true;
  } catch (error) {
    if (error instanceof ReadBudgetSpent) return false;
    throw error;
  }
}

/**
 * The scene that `GLOB` points to, else the one that `REND` names, else the first: what Blender 3.4 was seen to do
 * for a pointer that is null or leads nowhere.
 */
function activeSceneName({ scenes, global }: Found, { renderRanges }: Front, incomplete: boolean): string {
  const address = global?.pointer('curscene');
  const active = address ? scenes.find((scene) => scene.address === address) : undefined;
  if (active) return active.facts.name;
  const named = renderRanges[0]?.scene;
  // The scene may be among those that were not found.
  if (incomplete) return named ?? '';
  if (named !== undefined && scenes.some(({ facts }) => facts.name === named)) return named;
  return scenes[0]!.facts.name;
}
