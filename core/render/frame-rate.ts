/** Frames per second as a fraction in lowest terms: 24000/1001 is no 23.976. */
export interface FrameRate {
  readonly numerator: number;
  readonly denominator: number;
}

/** Beyond it neither part is something that a person typed, and ffmpeg's own fractions end at 31 bits. */
const LARGEST_PART = 10_000_000;

/**
 * The frame rate of a scene: `fps / fpsBase`. Blender keeps `fps_base` as a 32-bit float, so 1.001 comes as
 * 1.00100004…: the simplest fraction that rounds to the same float is what was meant. `undefined` where the two make
 * no frame rate (zero, negative, not finite).
 */
export function frameRateOf(fps: number, fpsBase: number): FrameRate | undefined {
  if (!Number.isInteger(fps) || fps < 1 || !Number.isFinite(fpsBase) || fpsBase <= 0) return undefined;
  const base = simplestFraction(fpsBase);
  if (!base) return undefined;
  const numerator = fps * base.denominator;
  const divisor = gcd(numerator, base.numerator);
  return { numerator: numerator / divisor, denominator: base.numerator / divisor };
}

/**
 * The first convergent of the continued fraction that equals `value` as a 32-bit float, or the closest one with parts
 * of a sensible size; `undefined` where there is none above zero.
 */
function simplestFraction(value: number): FrameRate | undefined {
  const target = Math.fround(value);
  let [p0, q0, p1, q1] = [0, 1, 1, 0];
  let rest = value;
  while (Math.fround(p1 / q1) !== target) {
    const whole = Math.floor(rest);
    const [p2, q2] = [whole * p1 + p0, whole * q1 + q0];
    if (p2 > LARGEST_PART || q2 > LARGEST_PART) break;
    [p0, q0, p1, q1] = [p1, q1, p2, q2];
    if (rest === whole) break;
    rest = 1 / (rest - whole);
  }
  return p1 > 0 && q1 > 0 ? { numerator: p1, denominator: q1 } : undefined;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** `24000/1001`, or `24` where it is whole: as ffmpeg reads a frame rate. */
export function formatFrameRate({ numerator, denominator }: FrameRate): string {
  return denominator === 1 ? String(numerator) : `${numerator}/${denominator}`;
}
