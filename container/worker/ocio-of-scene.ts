import { posix } from 'node:path';
import type { Manifest } from '../../core/contract/manifest';
import { isBuiltInOcio } from '../../core/contract/ocio-option';
import { SpotreelError } from '../../core/errors';
import { placeOnDisk } from '../../core/preflight/place-on-disk';
import { printableName } from '../../core/printable';

/**
 * What `OCIO` is for the scene that was placed at `file`: the configuration that its render asks for, beside it; `undefined` where
 * it asks for none. Throws `bad-manifest` for a configuration that is none of the plan's files. Pure.
 */
export function ocioOfScene(
  { options: { ocio }, source, scenePath = '', dependencies = [] }: PlanWithColors,
  file: string,
): string | undefined {
  if (ocio === undefined || isBuiltInOcio(ocio)) return ocio;
  const isInPlace = !/^[a-z0-9]+:\/\//i.test(source.url);
  const path = posix.join(posix.dirname(scenePath), ocio.slice(2));
  if (isInPlace || dependencies.some((one) => one.path === path))
    return placeOnDisk(ocio, posix.dirname(file), '/');
  const message = `the plan lacks the OCIO configuration ${printableName(ocio)}: submit the scene again`;
  throw new SpotreelError('bad-manifest', 'scene', message);
}

type PlanWithColors = Pick<Manifest, 'options' | 'source' | 'scenePath' | 'dependencies'>;
