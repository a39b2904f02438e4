import type { Feature } from './feature';
import { MISSING, PRESENT } from './features/files';
import { FORMATS } from './features/formats';
import { FRAMES } from './features/frames';
import { LOOKS } from './features/looks';
import { SEQUENCER } from './features/sequencer';

/** All scenes that are compared with plain Blender. */
export const FEATURES: readonly Feature[] = [
  ...FRAMES,
  ...LOOKS,
  ...SEQUENCER,
  ...FORMATS,
  ...PRESENT,
  ...MISSING,
];
