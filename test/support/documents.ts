import { parseJson } from '../../core/json';
import type { DocumentKind } from '../../core/render/document';
import { GAPS, MANIFEST, RETRY, STATUS } from '../../core/render/render-folder';

/** What a file of a render holds, by its bytes. Throws if they are not valid. */
const parserOf =
  <T>({ schema, name }: DocumentKind<T>) =>
  (bytes: Uint8Array): T =>
    parseJson(schema, bytes, (reason) => new Error(`no valid ${name}: ${reason}`));

export const parseGaps = parserOf(GAPS);
export const parseManifest = parserOf(MANIFEST);
export const parseRetryPlan = parserOf(RETRY);
export const parseStatus = parserOf(STATUS);
