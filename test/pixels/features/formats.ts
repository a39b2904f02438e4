import { equal, forced, type Feature } from '../feature';

const STUDIO = '{here}/config/studio.ocio';

/** Formats that are kept beside the frames, File Output nodes, stereo, colour configurations. */
export const FORMATS: readonly Feature[] = [
  equal('format-jpeg'),
  equal('format-exr'),
  equal('format-exr-multilayer'),
  equal('format-tiff'),
  equal('format-webp'),
  equal('format-dpx'),
  equal('format-hdr'),
  equal('format-avif', { from: [5, 0] }),
  equal('format-own-colour'),
  equal('file-output', { outputs: ['passes'] }),
  equal('file-output-layers', { outputs: ['passes'] }),
  equal('stereo-views'),
  equal('stereo-side-by-side'),
  equal('ocio-environment', { environment: { OCIO: STUDIO } }),
  equal('ocio-option', { flags: ['--ocio', STUDIO], plainEnvironment: { OCIO: STUDIO } }),
  forced('ocio-view-missing', 'view-missing', 0, { environment: { OCIO: STUDIO } }),
];
