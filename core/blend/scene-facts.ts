import type { ByteSource } from '../storage/storage';
import { BlendFormatError } from './blend-format-error';
import { MAX_BLEND_HEADER_BYTES, parseBlendHeader, type BlenderVersion } from './blend-header';
import { ByteWindow, FRUGAL, type ReadAhead } from './byte-window';
import { DECODE_LIMITS, type Compression, type DecodeLimits } from './decoded-blend';
import { fileNameOf } from './file-name-of';
import { findSdna } from './find-sdna';
import { unpacksTooLarge } from './kept-ends';
import { openDecodedBlend } from './open-decoded-blend';
import { HEAD_BYTES, RangedSource, READ_BUDGET, readBudgetOf, ReadBudgetSpent } from './ranged-source';
import { readFront, type Front } from './read-front';
import type { SceneFacts } from './read-scene';
import type { RenderRange } from './render-block';
import { scanScenes, type Found } from './scan-scenes';

export type { RenderRange, SceneFacts };

/** What a render needs to know of a `.blend` before any Blender opens it. */
export interface BlendFacts {
  /** Of the Blender that saved it; an older one may not open it. */
  readonly blenderVersion: BlenderVersion;
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
