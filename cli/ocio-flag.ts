import { posix } from 'node:path';
import { isOcio, OCIO_ALLOWED, ocioOf } from '../core/contract/ocio-option';
import type { RenderOptions } from '../core/contract/options';
import { SpotreelError } from '../core/errors';
import { printableName } from '../core/printable';
import { filePath, parseLocation } from '../core/storage/location';

/**
 * The option `ocio` for the scene at `scene`: of `--ocio`, a path of this machine for a scene on this machine, else a path from the
 * scene's folder in its bucket. On one machine the variable `OCIO` stands in for the flag, so that it is part of what makes a render
 * the same; one that no option can name is left to Blender. Throws `bad-options`.
 */
export function ocioOption(
  flag: string | undefined,
  scene: URL,
  { OCIO }: Readonly<Record<string, string | undefined>> = {},
): Pick<RenderOptions, 'ocio'> {
  if (flag === undefined) {
    const ocio = OCIO ? besideScene(OCIO, scene) : '';
    const isPossible = isOcio(ocio) && (scene.protocol === 'file:' || ocio.startsWith('ocio://'));
    return isPossible ? { ocio } : {};
  }
  const ocio = besideScene(flag, scene);
  if (flag !== '' && isOcio(ocio)) return { ocio };
  throw new SpotreelError('bad-options', 'usage', `--ocio ${printableName(flag)}: give ${OCIO_ALLOWED}`);
}

function besideScene(text: string, scene: URL): string {
  if (text.startsWith('ocio://') || text.startsWith('//')) return text;
  if (scene.protocol !== 'file:') return ocioOf(text);
  const file = filePath(parseLocation(text === '' ? '.' : text, process.cwd()));
  return `//${posix.relative(posix.dirname(filePath(scene)), file)}`;
}
