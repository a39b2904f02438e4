import type { ByteSource } from '../../storage/storage';
import {
  ByteWindow,
  DECODE_LIMITS,
  type DecodedBlend,
  type DecodeLimits,
  HEAD_BYTES,
  NO_READ_LIMIT,
  RangedSource,
  ReadBudgetSpent,
} from '../blend/bytes';
import {
  BlendFormatError,
  fileNameOf,
  type FileVersion,
  MAX_BLEND_HEADER_BYTES,
  parseBlendHeader,
} from '../blend/header';
import { openDecodedBlend } from '../blend/open-blend';
import { findSdna, type Sdna } from '../blend/sdna';
import { ReachTap } from '../reach/reach';
import { ReachSummary } from '../reach/summary';
import type { BlendContents, RenderedPart } from './blend-contents';
import { fileOutputs, filePaths, imageUsers, libraries } from './files';
import { type ContentsPart, ContentsCollector, LITTLE_ROOM } from './collector';
import { CONTENTS_BUDGET, FrugalReader, MAX_HELD_BYTES } from './frugal-reader';
import { geometryNodes, importNodes, specialNodes } from './nodes';
import { cameras, compositedScenes, speakers, strips } from './scenes';
import { scripts } from './scripts';
import { fluidDomains, objectSimulations, particleSystems, PointCaches, rigidBodies } from './simulations';
import { WALK_LIMITS, walkContents, type WalkLimits } from './walk';

/**
 * Little read-ahead over unpacked bytes: these are in memory, but take work. More would unpack unneeded frames of large blocks.
 */
const UNPACKED_AHEAD = { firstBytes: 64 << 10, maxBytes: 64 << 10 };

/** Above this size of a packed file the answer must be small, to stay below 128 MB together. */
const MUCH_HELD_BYTES = 12 << 20;

/** The walk reads everything anyway, with up to 40 MiB of the packed file in memory. */
const CONTENTS_LIMITS: DecodeLimits = { ...DECODE_LIMITS, headBytes: HEAD_BYTES };

/** Limits for files on this machine: large scenes are unpacked, however long that takes. */
const LOCAL_LIMITS: DecodeLimits = { ...CONTENTS_LIMITS, seekableBytes: 2 ** 36 };
const LOCAL_WALK: WalkLimits = { blocks: 1 << 25, shown: 1 << 22 };
const LOCAL_AHEAD = { firstBytes: HEAD_BYTES, maxBytes: HEAD_BYTES };

/**
 * Reads what a `.blend` of any version holds and needs, besides its scenes' settings, without Blender; nothing in the file ever
 * runs. One pass covers the file; of large blocks it reads only headers. Files on this machine are read whole; in a bucket
 * `CONTENTS_BUDGET` bounds requests and bytes. Past a limit, also for memory, the answer is `incomplete` and names the limit.
 * `part` requests what can reach a rendered frame. The source stays open.
 *
 * Throws `BlendFormatError` for a file that is not a `.blend` or is damaged, and what the source throws.
 */
export async function readBlendContents(
  source: ByteSource,
  limits?: DecodeLimits,
  part?: RenderedPart,
): Promise<BlendContents> {
  const name = fileNameOf(source.url);
  const collector = new ContentsCollector();
  const parts = partsOf(collector, name);
  const reach = new ReachSummary(part);
  collector.onUse = (file, use, library) => reach.addUse(file, use, library);
  let limit: string | undefined;
  let version: FileVersion | undefined;
  const tapOf = (sdna: Sdna, littleRoom: boolean): ReachTap | undefined => {
    version = sdna.header.version;
    if (littleRoom) reach.graph.setLittleRoom();
    return part && new ReachTap(sdna, version.major, reach);
  };
  try {
    await (source.url.protocol === 'file:'
      ? showLocal(source, limits ?? LOCAL_LIMITS, parts, collector, tapOf)
      : showStored(source, limits ?? CONTENTS_LIMITS, parts, collector, tapOf));
  } catch (error) {
    limit = limitOf(error);
    if (limit === undefined) throw error instanceof BlendFormatError ? error.inFile(name) : error;
  }
  for (const one of parts) one.fileEnds?.(limit === undefined);
  const contents = collector.contents(limit);
  if (!part) return contents;
  reach.settle(!contents.incomplete);
  const lacking = reach.lacking(limit === undefined);
  return { ...contents, blenderVersion: version, lacking };
}

/** Makes the tap that sees every block, if reach is requested. */
type TapOf = (sdna: Sdna, littleRoom: boolean) => ReachTap | undefined;

async function showLocal(
  source: ByteSource,
  limits: DecodeLimits,
  parts: readonly ContentsPart[],
  collector: ContentsCollector,
  tapOf: TapOf,
): Promise<void> {
  const decoded = await openDecodedBlend(await RangedSource.open(source, NO_READ_LIMIT), limits);
  const sdna = await sdnaOf(decoded);
  const window = new ByteWindow(decoded, decoded.compression === 'none' ? LOCAL_AHEAD : UNPACKED_AHEAD);
  await walkContents(window, sdna, parts, () => collector.isFull, LOCAL_WALK, tapOf(sdna, false));
}

async function showStored(
  source: ByteSource,
  limits: DecodeLimits,
  parts: readonly ContentsPart[],
  collector: ContentsCollector,
  tapOf: TapOf,
): Promise<void> {
  const reader = await FrugalReader.open(source, CONTENTS_BUDGET);
  const showAllOf = (): Promise<void> => showDecoded(reader, limits, parts, collector, tapOf);
  await (reader.holdsAll ? inTurn(showAllOf) : showAllOf());
}

async function showDecoded(
  reader: FrugalReader,
  limits: DecodeLimits,
  parts: readonly ContentsPart[],
  collector: ContentsCollector,
  tapOf: TapOf,
): Promise<void> {
  const decoded = await openDecodedBlend(reader, limits);
  if (decoded.cut)
    throw new ReadBudgetSpent(`${MAX_HELD_BYTES >> 20} MiB of a file that is unpacked from its start`);
  const sdna = await sdnaOf(decoded);
  // A file that must be unpacked from its start has `cut`; the walk unpacks it once more.
  reader.startWalk(decoded.cut !== undefined);
  const littleRoom = decoded.cut !== undefined && reader.heldBytes > MUCH_HELD_BYTES;
  if (littleRoom) collector.setRoom(LITTLE_ROOM);
  await walkContents(
    decoded.compression === 'none' ? reader : new ByteWindow(decoded, UNPACKED_AHEAD),
    sdna,
    parts,
    () => collector.isFull,
    WALK_LIMITS,
    tapOf(sdna, littleRoom),
  );
}

async function sdnaOf(decoded: DecodedBlend): Promise<Sdna> {
  return findSdna(decoded, parseBlendHeader(await decoded.read(0, MAX_BLEND_HEADER_BYTES)));
}

let lastTurn: Promise<unknown> = Promise.resolve();

/** Runs `work` after all earlier calls: a process keeps only one large packed file in memory, for any number of libraries. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const turn = lastTurn.then(work);
  lastTurn = turn.catch(() => undefined);
  return turn;
}

/** The limit that was reached. Too large a file is no error, as long as its data was valid so far. */
function limitOf(error: unknown): string | undefined {
  if (error instanceof ReadBudgetSpent) return error.limit;
  return error instanceof BlendFormatError && error.code === 'too-large'
    ? 'the bytes that Spotreel unpacks of one file'
    : undefined;
}

function partsOf(collector: ContentsCollector, blendName: string): readonly ContentsPart[] {
  const pointCaches = new PointCaches(collector, blendName);
  return [
    filePaths(collector),
    imageUsers(collector),
    libraries(collector),
    strips(collector),
    speakers(collector),
    objectSimulations(collector, pointCaches),
    particleSystems(collector, pointCaches),
    rigidBodies(collector, pointCaches),
    fluidDomains(collector),
    geometryNodes(collector),
    importNodes(collector),
    scripts(collector),
    fileOutputs(collector),
    cameras(collector),
    specialNodes(collector),
    compositedScenes(collector),
    // After the parts that use point caches: at the end of an owner these register their users.
    pointCaches,
    { structs: {}, ownerEnds: () => collector.ownerEnds() },
  ];
}
