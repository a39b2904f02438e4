import { SpotreelError } from '../errors';

/** A Blender version as two numbers, such as 3 and 4. A file has them, and the file format depends on them. */
export interface BlenderVersion {
  readonly major: number;
  readonly minor: number;
}

export const BLENDER_DOWNLOAD = 'https://www.blender.org/download/';

/** The oldest release that blender.org still supports. https://www.blender.org/download/lts/ */
const OLDEST_SUPPORTED: BlenderVersion = { major: 4, minor: 5 };

/** Why a Blender is too old for many scenes, and what to do; `undefined` for one that is not. Pure. */
export function oldBlender(version: BlenderVersion): string | undefined {
  if (compareBlenderVersions(version, OLDEST_SUPPORTED) >= 0) return undefined;
  return `Blender ${formatBlenderVersion(version)} is old and refuses scenes that a newer Blender saved; ${NEWER_BLENDER}`;
}

const NEWER_BLENDER = `download a newer Blender from ${BLENDER_DOWNLOAD} and set SPOTREEL_BLENDER=/path/to/blender`;

/** Words for the place of the Blender, and how to get a newer one there. */
const PLACES = {
  here: {
    has: 'the Blender here is',
    remedy: (needed: string) =>
      `download Blender ${needed} or newer from ${BLENDER_DOWNLOAD} and set SPOTREEL_BLENDER=/path/to/blender, or save the scene with an older Blender`,
  },
  farm: {
    has: 'the farm has Blender',
    remedy: (needed: string) =>
      `deploy the farm with ${needed}.0 or newer in the setting blenderVersions, or save the scene with an older Blender`,
  },
} as const;

/** Reads `3.4`, with or without more behind it; `undefined` for other text. */
export function parseBlenderVersion(text: string): BlenderVersion | undefined {
  const match = /^(\d+)\.(\d+)/.exec(text);
  return match ? { major: Number(match[1]), minor: Number(match[2]) } : undefined;
}

/** Below 0 if `a` is older, 0 if both are the same. */
export function compareBlenderVersions(a: BlenderVersion, b: BlenderVersion): number {
  return a.major - b.major || a.minor - b.minor;
}

/**
 * The oldest of `blenders` that is not older than the file, because its pictures are most like those that the artist
 * saw. `undefined` if all are older: they would crash or render wrong pictures.
 */
export function lowestFor<T extends BlenderVersion>(
  file: BlenderVersion,
  blenders: readonly T[],
): T | undefined {
  return blenders
    .filter((blender) => compareBlenderVersions(file, blender) <= 0)
    .toSorted(compareBlenderVersions)[0];
}

/** Throws `blender-too-old` with both versions if the Blender is older than the file. */
export function checkBlenderVersion(
  file: BlenderVersion,
  blender: BlenderVersion,
  scene: string,
  place: keyof typeof PLACES,
): void {
  if (!lowestFor(file, [blender])) throw blenderTooOld(file, [blender], scene, place);
}

/** The error `blender-too-old`: all `blenders` are older than the file. */
export function blenderTooOld(
  file: BlenderVersion,
  blenders: readonly BlenderVersion[],
  scene: string,
  place: keyof typeof PLACES,
): SpotreelError {
  const needed = formatBlenderVersion(file);
  const { has, remedy } = PLACES[place];
  const atHand = blenders
    .map(formatBlenderVersion)
    .join(', ')
    .replace(/, ([^,]*)$/, ' and $1');
  const message = `${scene} was saved by Blender ${needed}, and ${has} ${atHand}; ${remedy(needed)}`;
  return new SpotreelError('blender-too-old', 'scene', message);
}

export function formatBlenderVersion({ major, minor }: BlenderVersion): string {
  return `${major}.${minor}`;
}
