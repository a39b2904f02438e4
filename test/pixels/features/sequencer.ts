import { equal, forced, warned, type Feature } from '../feature';

/** Films that the sequencer cuts. */
export const SEQUENCER: readonly Feature[] = [
  equal('strip-sequence', { flags: ['-f', '3'] }),
  equal('strip-movie', { flags: ['-f', '3'] }),
  equal('strip-effects'),
  equal('strip-scene'),
  equal('strip-muted-missing'),
  equal('sequencer-region-cropped'),
  equal('sequencer-region-uncropped'),
  forced('strip-image-missing', 'strip-missing', 1),
  forced('strip-movie-missing', 'strip-missing', 1),
  warned('strip-sequence-missing', 'strip-missing', 1, { crashes: [4, 5] }),
];
