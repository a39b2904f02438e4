import { BlendFormatError } from './blend-format-error';
import type { BlendHeader } from './blend-header';
import { blockHeaderBytes, parseBlockHeader, type Block } from './block-header';
import { ByteWindow, FRUGAL } from './byte-window';
import type { DecodedBlend } from './decoded-blend';
import { ReadBudgetSpent, TAIL_BYTES } from './ranged-source';
import { Sdna } from './sdna';
import { walkBlocks } from './walk-blocks';

/** Real ones take 26 to 135 kB. */
const MAX_SDNA_BYTES = 4 << 20;

/** As many of the smallest blocks as the read budget holds. */
const MAX_BLOCKS = 3_000_000;

/**
 * Finds the structs of the file: by a walk over all blocks where these lie in memory; else in the file's last bytes, where
 * `DNA1` and the end block have stood in all known files; else, when in doubt, by a walk after all. A file that has no end
 * block, or several descriptions near its end, is such a doubt.
 *
 * Throws `truncated` for a file without its end block, `bad-sdna` for one without structs or with damaged ones, `bad-block`,
 * and `ReadBudgetSpent` where a walk takes too much.
 */
export async function findSdna(decoded: DecodedBlend, header: BlendHeader): Promise<Sdna> {
  const walk = walkHeld(decoded, header);
  if (walk.ended) return readSdna(decoded, header, walk.dna, walk.offset);
  const found = walk.dna === undefined ? await findInTail(decoded, header) : undefined;
  if (found !== undefined) return found;
  let { dna, offset } = walk;
  let blocks = 0;
  await walkBlocks(new ByteWindow(decoded, FRUGAL), header, offset, (block) => {
    // The first one counts, as it does for Blender.
    if (block.code === 'DNA1') dna ??= block;
    ({ offset } = block);
    if (++blocks > MAX_BLOCKS) throw new ReadBudgetSpent(`${MAX_BLOCKS} blocks`);
  });
  return readSdna(decoded, header, dna, offset);
}

interface HeldWalk {
  readonly dna: Block | undefined;
  /** Of the last block if the end block was reached, else of the first that is not held. */
  readonly offset: number;
  readonly ended: boolean;
}

/** Walks as far as headers can be had for nothing, which in a small file is to its end. */
function walkHeld(decoded: DecodedBlend, header: BlendHeader): HeldWalk {
  const headerBytes = blockHeaderBytes(header);
  let dna: Block | undefined;
  for (let offset = header.length; ;) {
    const bytes = decoded.peek?.(offset, headerBytes);
    if (bytes === undefined) return { dna, offset, ended: false };
    const block = parseBlockHeader(bytes, header, offset, decoded.size);
    if (block.code === 'DNA1') dna ??= block;
    if (block.code === 'ENDB') return { dna, offset, ended: true };
    offset = block.dataOffset + block.length;
  }
}

/** The one description that stands near the end, sound and right before the end block; `undefined` if it is not one. */
async function findInTail(decoded: DecodedBlend, header: BlendHeader): Promise<Sdna | undefined> {
  const starts = new Set([decoded.tailOffset, Math.min(decoded.tailOffset, decoded.size - TAIL_BYTES)]);
  for (const start of [...starts].map((offset) => Math.max(offset, header.length))) {
    const tail = await decoded.read(start, decoded.size - start);
    const candidates = candidatesIn(Buffer.from(tail.buffer, tail.byteOffset, tail.length), start, header);
    if (candidates.length > 1) return undefined;
    const [block] = candidates;
    if (block === undefined) continue;
    const from = block.dataOffset - start;
    try {
      return new Sdna(tail.subarray(from, from + block.length), header, block.dataOffset);
    } catch (error) {
      if (error instanceof BlendFormatError) return undefined;
      throw error;
    }
  }
  return undefined;
}

/** At most two: that there is more than one is enough to know. */
function candidatesIn(tail: Buffer, start: number, header: BlendHeader): Block[] {
  const found: Block[] = [];
  for (let at = tail.indexOf('DNA1'); at >= 0 && found.length < 2; at = tail.indexOf('DNA1', at + 1)) {
    const block = candidateAt(tail, at, start, header);
    if (block !== undefined) found.push(block);
  }
  return found;
}

function candidateAt(tail: Buffer, at: number, start: number, header: BlendHeader): Block | undefined {
  try {
    const bytes = tail.subarray(at, at + blockHeaderBytes(header));
    const block = parseBlockHeader(bytes, header, start + at, start + tail.length);
    const [from, to] = [block.dataOffset - start, block.dataOffset - start + block.length];
    const sound =
      tail.toString('latin1', from, from + 4) === 'SDNA' && tail.toString('latin1', to, to + 4) === 'ENDB';
    return sound ? block : undefined;
  } catch (error) {
    if (error instanceof BlendFormatError) return undefined;
    throw error;
  }
}

/** `end` is where the end block stands. */
async function readSdna(
  decoded: DecodedBlend,
  header: BlendHeader,
  dna: Block | undefined,
  end: number,
): Promise<Sdna> {
  if (dna === undefined) {
    throw new BlendFormatError('bad-sdna', end, 'the file lacks the description of its structs');
  }
  if (dna.length > MAX_SDNA_BYTES) {
    const reason = `the description of the file's structs is ${dna.length} bytes long`;
    throw new BlendFormatError('bad-sdna', dna.offset, reason);
  }
  return new Sdna(await decoded.read(dna.dataOffset, dna.length), header, dna.dataOffset);
}
