import type { Manifest } from '../contract/manifest';
import { checkBlenderVersion, parseBlenderVersion } from '../render/blender-version';
import type { SubmitServices } from './submit-render';

/**
 * What a farm with this Blender checks of a plan: that the file is not newer. Nothing where the version is not known, as
 * that of an image that somebody else made; the worker sees then.
 */
export function farmBlenderCheck(version: string | undefined): Pick<SubmitServices, 'checkManifest'> {
  const blender = parseBlenderVersion(version ?? '');
  if (!blender) return {};
  return {
    checkManifest: ({ blenderVersion, source }: Manifest) =>
      checkBlenderVersion(blenderVersion, blender, source.url, 'farm'),
  };
}
