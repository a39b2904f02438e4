import type { MissingFiles } from '../contract/missing-files';
import { printableName } from '../printable';
import { formatFrames } from '../render/frame-range';

/** A frame that was given up. */
export interface FailedFrame {
  readonly frame: number;
  readonly reason: string;
  /** Files that it lacks, as the scene names them, each with what is wrong with it in brackets unless it is missing. */
  readonly missing?: readonly string[] | undefined;
}

/** Files that are named in one sentence. */
const MOST_NAMED = 5;

/** Sentences about one render; the rest is counted. */
const MOST_REASONS = 5;

/**
 * Why frames failed, one sentence for all that failed for the same reason, the most frames first: "47 frames need
 * textures/wood.png, which is missing". Pure. Names from the scene are made printable.
 */
export function groupReasons(failed: readonly FailedFrame[]): string[] {
  const groups = new Map<string, FailedFrame[]>();
  for (const one of failed) {
    const key = one.missing?.length ? `lacks\n${one.missing.join('\n')}` : `says\n${one.reason}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].toSorted((a, b) => b.length - a.length).map(describeGroup);
}

function describeGroup(group: readonly FailedFrame[]): string {
  const { frame, reason, missing = [] } = group[0]!;
  const one = group.length === 1;
  if (missing.length > 0) {
    const who = one ? `frame ${frame} needs` : `${group.length} frames need`;
    return `${who} ${describeFiles(missing)}`;
  }
  return one ? `frame ${frame}: ${reason}` : `frames ${formatFrames(group.map((of) => of.frame))}: ${reason}`;
}

/** The groups as one line; `undefined` without any. `total` counts failed frames whose reasons were not read, too. Pure. */
export function describeReasons(failed: readonly FailedFrame[], total = failed.length): string | undefined {
  const told = groupReasons(failed);
  if (told.length === 0) return undefined;
  const shown = told.slice(0, MOST_REASONS);
  const rest = told.length - shown.length;
  return [
    ...shown,
    ...(rest > 0 ? [`and ${rest} more reasons`] : []),
    ...(total > failed.length ? [`and ${total - failed.length} more frames failed`] : []),
  ].join('; ');
}

/** `textures/wood.png, which is missing`; `a.png, b.png and 3 more, which are missing`. */
export function describeFiles(files: readonly string[], count = files.length): string {
  const faults = new Set(files.map(faultOf));
  // Each with its own word where they differ.
  const isMixed = faults.size > 1;
  const names = files.slice(0, MOST_NAMED).map((file) => printableName(isMixed ? file : nameOf(file)));
  const more = count - names.length;
  const list = more > 0 ? `${names.join(', ')} and ${more} more` : joined(names);
  if (isMixed) return `${list}, which are missing or damaged`;
  return `${list}, which ${count === 1 ? 'is' : 'are'} ${[...faults][0]!}`;
}

/** `rendered with 2 files missing: //a.png, //b.png`. */
export function describeLacking({ count, files, frames }: MissingFiles): string {
  const names = files.slice(0, MOST_NAMED).map(printableName);
  const rest = count > names.length ? ` and ${count - names.length} more` : '';
  const [what, where] = [count === 1 ? 'file' : 'files', frames === 1 ? '1 frame' : `${frames} frames`];
  return `rendered with ${count} ${what} missing (${where}): ${names.join(', ')}${rest}`;
}

const FAULT = / \((damaged|empty|not readable|a Git LFS pointer, not the file)\)$/;

function faultOf(file: string): string {
  return FAULT.exec(file)?.[1] ?? 'missing';
}

const nameOf = (file: string): string => file.replace(FAULT, '');

function joined(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)!}`;
}
