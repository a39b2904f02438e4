import { join } from 'node:path';
import { masterFault } from '../../../../container/worker/master-fault';
import { ROOT } from '../../../support/source-files';

const SIZE = { width: 32, height: 18 };

test.each([
  ['exr', '3.4-layers.exr', 'jpg'],
  ['jpg', '3.4-picture.jpg', 'exr'],
] as const)('masterFault checks %s files by their format', async (ending, name, other) => {
  const path = join(ROOT, 'test/fixtures/masters', name);
  expect(await masterFault(path, ending, SIZE)).toBeUndefined();
  expect(await masterFault(path, other, SIZE)).toMatch(/^it is no/);
});
