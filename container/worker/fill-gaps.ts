/** A frame of the plan on its way into the video. */
export interface ReadFrame {
  readonly frame: number;
  /** Of a PNG that was found whole; absent for a frame that is missing. */
  readonly bytes?: Uint8Array | undefined;
  /** What is wrong with a frame that is there. */
  readonly fault?: string | undefined;
}

/** A frame of the plan that is missing. */
export interface Gap {
  readonly frame: number;
  readonly fault?: string | undefined;
  /** The frame whose picture stands in its place. */
  readonly shown: number;
}

interface Filling {
  /** Told of each gap, in their order. */
  readonly gap: (gap: Gap) => void;
  /** The picture to be shown in place of a missing frame. */
  readonly picture: (held: Uint8Array, missing: number) => Uint8Array;
}

/**
 * One picture for each frame that comes: its own, or where it is missing that of the frame before it; before the first
 * that is there, that one's. Two pictures are held at most. Of frames that are all missing nothing comes.
 */
export async function* fillGaps(
  frames: AsyncIterable<ReadFrame>,
  { gap, picture }: Filling,
): AsyncGenerator<Uint8Array> {
  const leading: ReadFrame[] = [];
  let held: { readonly frame: number; readonly bytes: Uint8Array } | undefined;
  for await (const { frame, bytes, fault } of frames) {
    if (bytes) {
      held = { frame, bytes };
      for (const before of leading.splice(0)) {
        gap({ frame: before.frame, fault: before.fault, shown: frame });
        yield picture(bytes, before.frame);
      }
      yield bytes;
    } else if (held) {
      gap({ frame, fault, shown: held.frame });
      yield picture(held.bytes, frame);
    } else {
      leading.push({ frame, fault });
    }
  }
}
