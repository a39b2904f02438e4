import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleLambda, type Bundle } from '../support/lambda-bundle';
import { ROOT } from '../support/source-files';

/** Bytes. */
const LARGEST = 1_000_000;

describe.each(['submit-render', 'finish-render', 'watch-cost'])('the bundle of %s', (name) => {
  let bundled: Bundle;
  beforeAll(async () => {
    bundled = await bundleLambda(name);
  });

  test('has less than 1 MB', () => expect(bundled.code.byteLength).toBeLessThan(LARGEST));

  test.each([
    ['the CDK', /aws-cdk-lib|constructs/],
    ['the deployment code', /^lib\//],
    ['the worker', /^container\//],
    ['the command line', /^cli\//],
    ['the local Batch', /^core\/local-batch\//],
    ['the large variant of zod', /zod\/v4\/classic\//],
    ['the older SDK', /node_modules\/aws-sdk\//],
  ])('does not include %s', (_, pattern) => {
    const held = Object.entries(Object.values(bundled.metafile.outputs)[0]!.inputs)
      .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
      .map(([path]) => path);
    expect(held.length).toBeGreaterThan(50);
    expect(held.filter((path) => pattern.test(path))).toEqual([]);
  });
});

// esbuild writes the path of each module above it.
test.each(['index.js', 'worker.js'])(
  'dist/%s does not include the AWS SDK, which it loads on AWS only',
  (name) => {
    const bundle = readFileSync(join(ROOT, 'dist', name), 'utf8');
    expect(bundle).toContain('// node_modules/zod/');
    expect(bundle).not.toContain('// node_modules/@aws-sdk/');
  },
);
