import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { WORKER_FILES } from '../../lib/built-files';
import { ROOT } from '../support/source-files';

/** Bytes, packed by gzip, as registries store layers. A machine that has the image pulls only this for a new worker. */
const LARGEST = 1_500_000;

test('the layer of the worker has less than 1.5 MB', () => {
  const files = WORKER_FILES.map((name) => readFileSync(join(ROOT, 'dist', name)));
  expect(gzipSync(Buffer.concat(files)).byteLength).toBeLessThan(LARGEST);
});
