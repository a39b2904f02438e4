import { equal, forced, reported, type Feature } from '../feature';

const STUDIO = '{here}/config/studio.ocio';

/** One picture a frame, as Spotreel renders it. */
const MIDDLE_VIEW = {
  plainly:
    'r = bpy.context.scene.render; r.image_settings.views_format = "INDIVIDUAL"; r.use_multiview = False',
};

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
  reported('stereo-views', 'stereo-one-view', MIDDLE_VIEW),
  reported('stereo-side-by-side', 'stereo-one-view', MIDDLE_VIEW),
  equal('ocio-environment', { environment: { OCIO: STUDIO } }),
  equal('ocio-option', {
    flags: ['--ocio', STUDIO],
    plainEnvironment: { OCIO: STUDIO },
  }),
  forced('ocio-view-missing', 'view-missing', 0, {
    environment: { OCIO: STUDIO },
  }),
];
