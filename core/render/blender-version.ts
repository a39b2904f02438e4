import { SpotreelError } from '../errors';

/** Blender's version as two numbers, e.g. 3 and 4. */
export interface BlenderVersion {
  readonly major: number;
  readonly minor: number;
}

/** Where the Blender is that would render, and how to get a newer one there. */
const PLACES = {
  here: {
    has: 'the Blender here is',
    remedy: (needed: string) =>
      `install Blender ${needed} or newer (SPOTREEL_BLENDER names another one), or save the scene with an older Blender`,
  },
  farm: {
    has: "the farm's Blender is",
    remedy: (needed: string) =>
      `deploy the farm with the setting blenderVersion at ${needed}.0 or newer, or save the scene with an older Blender`,
  },
} as const;

/** `3.4` and what may follow, as two numbers; `undefined` for any other text. */
export function parseBlenderVersion(text: string): BlenderVersion | undefined {
  const match = /^(\d+)\.(\d+)/.exec(text);
  return match ? { major: Number(match[1]), minor: Number(match[2]) } : undefined;
}

/**
 * A Blender older than the file crashes on it or renders it wrong, so the file is refused. Throws `blender-too-old`
 * naming both versions.
 */
export function checkBlenderVersion(
  file: BlenderVersion,
  blender: BlenderVersion,
  scene: string,
  place: keyof typeof PLACES,
): void {
  if (file.major < blender.major || (file.major === blender.major && file.minor <= blender.minor)) return;
  const needed = `${file.major}.${file.minor}`;
  const { has, remedy } = PLACES[place];
  throw new SpotreelError(
    'blender-too-old',
    'scene',
    `${scene} was saved by Blender ${needed}, and ${has} ${blender.major}.${blender.minor}; ${remedy(needed)}`,
  );
}
