/** Width of a pixel by its height, in lowest terms: 64:45 is wider than high. */
export interface PixelAspect {
  readonly numerator: number;
  readonly denominator: number;
}

/** Of both parts: what Blender's own videos have. */
const LARGEST_PART = 255;

/**
 * The closest fraction to the scene's pixel aspect; `undefined` for square pixels and for values that make no aspect. Pure.
 * Blender's videos have the same one (tried with 3.4, 4.5 and 5.2).
 */
export function pixelAspectOf(scene: {
  readonly pixelAspect?: { readonly x: number; readonly y: number };
}): PixelAspect | undefined {
  const { x, y } = scene.pixelAspect ?? { x: 1, y: 1 };
  const ratio = Math.fround(x / y);
  if (!(x > 0 && y > 0 && ratio >= 1 / LARGEST_PART && ratio <= LARGEST_PART)) return undefined;
  const { numerator, denominator } = closestFraction(ratio);
  return numerator === denominator ? undefined : { numerator, denominator };
}

/** The one with the smallest parts where several are as close. */
function closestFraction(ratio: number): PixelAspect {
  let best = { numerator: 1, denominator: 1 };
  let smallest = Math.abs(ratio - 1);
  for (let denominator = 1; denominator <= LARGEST_PART; denominator += 1) {
    const numerator = Math.min(LARGEST_PART, Math.max(1, Math.round(ratio * denominator)));
    const error = Math.abs(ratio - numerator / denominator);
    if (error < smallest) {
      best = { numerator, denominator };
      smallest = error;
    }
  }
  return best;
}
