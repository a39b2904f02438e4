/** Bytes from `start` to `end` where a change matters. */
export interface HotSpot {
  readonly start: number;
  readonly end: number;
}

/** Numbers at which lengths, counts and indices break. */
const ODD_NUMBERS = [0, 1, -1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x10000, 2 ** 31 - 1, -(2 ** 31), 0x1000000];

const MAX_CHANGES = 6;
const MAX_PIECE_BYTES = 256;

/** A copy with a few bytes changed, mostly at hot spots, and perhaps a piece taken out, put in twice, or the end cut off. */
export function mutate(bytes: Buffer, hot: readonly HotSpot[], random: () => number): Buffer {
  const upTo = (limit: number): number => Math.floor(random() * limit);
  const place = (): number => {
    const spot = random() < 0.8 ? hot[upTo(hot.length)] : undefined;
    const { start, end } = spot ?? { start: 0, end: bytes.length };
    return start + upTo(end - start);
  };
  let mutated = Buffer.from(bytes);
  for (let change = upTo(MAX_CHANGES); change >= 0; change--) {
    const at = place();
    const kind = random();
    if (kind < 0.4) mutated[at] = upTo(256);
    else if (kind < 0.6) mutated[at] = (mutated[at] ?? 0) ^ (1 << upTo(8));
    else if (at + 8 <= mutated.length) {
      const number = ODD_NUMBERS[upTo(ODD_NUMBERS.length)]!;
      if (kind < 0.8) mutated.writeInt32LE(number | 0, at);
      else if (kind < 0.9) mutated.writeInt32BE(number | 0, at);
      else mutated.writeBigInt64LE(BigInt(number) << BigInt(upTo(32)), at);
    }
  }
  const surgery = random();
  const [at, piece] = [place(), 1 + upTo(MAX_PIECE_BYTES)];
  if (surgery < 0.1) mutated = Buffer.concat([mutated.subarray(0, at), mutated.subarray(at + piece)]);
  else if (surgery < 0.2) mutated = Buffer.concat([mutated.subarray(0, at + piece), mutated.subarray(at)]);
  else if (surgery < 0.3) mutated = mutated.subarray(0, at);
  return mutated;
}
