import type { RenderOptions } from '../contract/options';
import { renderIdOf, slugText, type RenderIdentity } from '../contract/render-id';
import { chooseCameras, type SceneWithCameras } from '../render/cameras';

/** One of the renders that a request makes. */
export interface CameraRender {
  readonly options: RenderOptions;
  readonly name?: string;
  /** What the renders of one request have in common. */
  readonly group?: string;
}

/**
 * The renders that options make: one for each camera that they name. The renders of several cameras have a group, and a name
 * given by hand with the camera behind it. Throws `no-such-camera`. Pure.
 */
export function cameraRenders(
  identity: RenderIdentity,
  scene: SceneWithCameras,
  name?: string,
): CameraRender[] {
  const { options } = identity;
  const cameras = chooseCameras(scene, options);
  const named = name === undefined ? {} : { name };
  if (cameras.length < 2)
    return [{ options: { ...options, ...(cameras[0] && { camera: cameras[0] }) }, ...named }];
  const group = name ?? renderIdOf(identity);
  const slugs = cameras.map(slugText);
  return cameras.map((camera, i) => {
    const isUnique = slugs[i] !== '' && slugs.indexOf(slugs[i]!) === slugs.lastIndexOf(slugs[i]!);
    const ending = isUnique ? slugs[i]! : String(i + 1);
    return {
      options: { ...options, camera },
      ...(name !== undefined && { name: `${name}-${ending}` }),
      group,
    };
  });
}
