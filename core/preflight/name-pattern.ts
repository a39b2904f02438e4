import type { DependencyExtent } from '../blend/contents/blend-contents';

/** Names of files that one path stands for. */
export interface NamePattern {
  /** How they all begin. */
  readonly start: string;
  /** How they all end behind what is numbered; empty for a single name. */
  readonly end: string;
  readonly matches: (name: string) => boolean;
  /** The same, but for capital and small letters. */
  readonly resembles: (name: string) => boolean;
  /**
   * Names that should be among `there` and are not: those of `numbers`, tiles or pictures of a sequence, where these are
   * known. Else, of a sequence, its own name and those between the first and the last that are there.
   */
  readonly absent: (there: readonly string[], numbers?: readonly number[]) => string[];
}

/**
 * What stands in a name for a tile's number, and the numbers: Mari's, from 1001 on, and ZBrush's.
 * https://docs.blender.org/manual/en/latest/modeling/meshes/uv/workflows/udims.html
 */
const TILES: readonly TileToken[] = [
  { token: '<UDIM>', pattern: '[12][0-9]{3}', write: String },
  {
    token: '<UVTILE>',
    pattern: 'u[0-9]+_v[0-9]+',
    write: (tile) => `u${((tile - 1001) % 10) + 1}_v${Math.floor((tile - 1001) / 10) + 1}`,
  },
];

/** How a tile's number, 1001 + u + 10 v, stands in a name. */
interface TileToken {
  readonly token: string;
  readonly pattern: string;
  readonly write: (tile: number) => string;
}

/** Frames between the first and the last of a sequence that are looked for. */
const LONGEST_SEQUENCE = 100_000;

/** From the last digit of a name on. */
const LAST_DIGIT = /\d\D*$/;

/** The names of files that `name`, the last part of a path, stands for: pure. */
export function namePattern(name: string, extent: DependencyExtent): NamePattern {
  const tiles = TILES.find(({ token }) => name.includes(token));
  if (tiles) {
    const [head = '', ...rest] = name.split(tiles.token);
    const tail = rest.join(tiles.token);
    const absent = (there: readonly string[], numbers: readonly number[] = []) =>
      without(
        there,
        numbers.map((tile) => `${head}${tiles.write(tile)}${tail}`),
      );
    return { ...between(head, tiles.pattern, tail), absent };
  }
  const numbered = extent === 'sequence' ? splitFrame(name) : undefined;
  if (!numbered) return { ...between(name, '', ''), absent: () => [] };
  const absent = (there: readonly string[], played?: readonly number[]) => {
    const wanted = played?.map((frame) => nameOf(frame, numbered));
    return without(there, wanted ?? [...new Set([name, ...namesBetween(numbered, there)])]);
  };
  return { ...between(numbered.head, '[0-9]+', numbered.tail), absent };
}

function without(there: readonly string[], wanted: readonly string[]): string[] {
  const present = new Set(there);
  return wanted.filter((name) => !present.has(name));
}

/** The names of all frames from the first to the last of `names`. */
function namesBetween(numbered: NumberedName, names: readonly string[]): string[] {
  const { head, tail } = numbered;
  const frames = names.map((name) => Number(name.slice(head.length, name.length - tail.length)));
  const [first, last] = [Math.min(...frames), Math.max(...frames)];
  if (last - first >= LONGEST_SEQUENCE) return [];
  return Array.from({ length: last - first + 1 }, (_, index) => nameOf(first + index, numbered));
}

function nameOf(frame: number, { head, digits, tail }: NumberedName): string {
  return `${head}${String(frame).padStart(digits.length, '0')}${tail}`;
}

interface NumberedName {
  readonly head: string;
  readonly digits: string;
  readonly tail: string;
}

/**
 * What stands before and behind the frame's number; `undefined` where there is none. The last digits before the ending count
 * frames (`BLI_path_sequence_decode` in Blender's path_util.c).
 */
function splitFrame(name: string): NumberedName | undefined {
  const dot = name.lastIndexOf('.');
  const stem = dot > 0 ? name.slice(0, dot) : name;
  const end = stem.search(LAST_DIGIT) + 1;
  if (end === 0) return undefined;
  let start = end - 1;
  while (start > 0 && isDigit(stem.charCodeAt(start - 1))) start -= 1;
  return { head: name.slice(0, start), digits: name.slice(start, end), tail: name.slice(end) };
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

function between(head: string, middle: string, tail: string): Omit<NamePattern, 'absent'> {
  const source = `^${literal(head)}${middle}${literal(tail)}$`;
  const [exact, loose] = [new RegExp(source, 's'), new RegExp(source, 'is')];
  return {
    start: head,
    end: tail,
    matches: (name) => exact.test(name),
    resembles: (name) => loose.test(name),
  };
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
