import { SpotreelError } from '../core/errors';
import { parseLocation } from '../core/storage/location';

/** The folder of this machine that a user names by `-o`. Throws `bad-output`. */
export function localFolder(folder: string): URL {
  const url = parseLocation(`${folder}/`, process.cwd());
  if (url.protocol === 'file:') return url;
  throw new SpotreelError(
    'bad-output',
    'usage',
    `-o ${folder} is no folder of this machine; give one, such as -o renders`,
  );
}
