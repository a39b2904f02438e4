/** Pixels. */
export interface Resolution {
  readonly width: number;
  readonly height: number;
}

/** What of a scene decides the size of its frames. */
interface ResolutionSettings {
  readonly width: number;
  readonly height: number;
  readonly resolutionPercent: number;
  /** The border that is cut out, in fractions of the size. */
  readonly crop?:
    | { readonly xmin: number; readonly xmax: number; readonly ymin: number; readonly ymax: number }
    | undefined;
}

/**
 * The size of the frames that Blender writes, in its own arithmetic: whole numbers, cut off, not rounded
 * (`render_init_from_main` in Blender's pipeline.cc; checked against Blender by test).
 */
export function frameResolution({ width, height, resolutionPercent, crop }: ResolutionSettings): Resolution {
  const full = {
    width: Math.trunc((width * resolutionPercent) / 100),
    height: Math.trunc((height * resolutionPercent) / 100),
  };
  if (!crop) return full;
  return {
    width: edge(crop.xmax, full.width) - edge(crop.xmin, full.width),
    height: edge(crop.ymax, full.height) - edge(crop.ymin, full.height),
  };
}

/** Blender multiplies a 32-bit float by a whole number and cuts. */
function edge(fraction: number, pixels: number): number {
  return Math.trunc(Math.fround(Math.fround(fraction) * pixels));
}
