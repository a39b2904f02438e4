import * as z from 'zod/mini';
import { SpotreelError } from '../errors';
import { parseJson } from './parse-json';
import { parseUploadMetadata, UPLOAD_KEYS, type UploadWishes } from './upload-metadata';

/** What a disk has in place of an object's metadata: `shot.blend.json` beside `shot.blend`. */
export const SIDECAR_ENDING = '.json';

const sidecarSchema = z.lazy(() => z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])));

/**
 * Reads a sidecar: a JSON object with the names and values that an object's metadata would have (`{"frames": "1-10",
 * "samples": 16, "force": true}`). Nobody else writes into it, so a name that means nothing is an error. Throws `bad-metadata`
 * (usage) naming the file, the name and what is allowed.
 */
export function parseSidecar(bytes: Uint8Array, where: string): UploadWishes {
  const given = parseJson(sidecarSchema, bytes, (reason) => bad(where, `holds no options (${reason})`));
  const unknown = Object.keys(given).find((key) => !UPLOAD_KEYS.includes(key.toLowerCase()));
  if (unknown !== undefined)
    throw bad(where, `knows no option "${unknown}"; there are ${UPLOAD_KEYS.join(', ')}`);
  const metadata = Object.fromEntries(Object.entries(given).map(([key, value]) => [key, String(value)]));
  return parseUploadMetadata(metadata, { prefix: `${where}: `, mend: 'change it there' });
}

function bad(where: string, fault: string): SpotreelError {
  return new SpotreelError('bad-metadata', 'usage', `${where} ${fault}`);
}
