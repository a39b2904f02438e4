import { FileStorage } from './file-storage';
import { routeStorage } from './routed-storage';
import type { Storage } from './storage';

/** Storage for `file:` and `s3:` URLs. The SDK, a large thing, is loaded once the first `s3:` URL comes along. */
export function openStorage(): Storage {
  return routeStorage({
    'file:': new FileStorage(),
    's3:': async () => (await import('./s3-default')).createS3Storage(),
  });
}
