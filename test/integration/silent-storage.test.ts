import { createServer, type Server } from 'node:net';
import { createS3Storage } from '../../core/storage/s3-storage';
import { keyUrl } from '../../core/storage/storage';

jest.setTimeout(240_000);

let server: Server;
const before = process.env;
beforeAll(async () => {
  // Takes connections, and says nothing.
  server = createServer(() => undefined);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = Object(server.address());
  const aws = { AWS_REGION: 'eu-central-1', AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x' };
  process.env = { ...before, ...aws, AWS_ENDPOINT_URL: `http://127.0.0.1:${port}` };
});
afterAll(() => {
  process.env = before;
  server.close();
});

test('storage that never answers is a passing fault', async () => {
  const storage = createS3Storage(100);
  await expect(storage.get(keyUrl('s3:', 'bucket', 'key'))).rejects.toMatchObject({
    code: 'unavailable',
    kind: 'passing',
  });
});
