import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { bundleBytes, bundleLambda, type Bundle } from '../support/lambda-bundle';
import { ROOT } from '../support/source-files';

/** Bytes. */
const LARGEST = 1_000_000;

describe.each(['submit-render', 'finish-render', 'watch-cost'])('the bundle of %s', (name) => {
  let bundled: Bundle;
  beforeAll(async () => {
    bundled = await bundleLambda(name);
  });

  test('has less than 1 MB', () => expect(bundleBytes(bundled)).toBeLessThan(LARGEST));

  test.each([
    ['the CDK', /aws-cdk-lib|constructs/],
    ['the deployment code', /^lib\//],
    ['the worker', /^container\//],
    ['the command line', /^cli\//],
    ['the local Batch', /^core\/local-batch\//],
    ['the large variant of zod', /zod\/v4\/classic\//],
    ['the older SDK', /node_modules\/aws-sdk\//],
  ])('does not include %s', (_, pattern) => {
    const held = sourcesIn(bundled, bundled.files.keys());
    expect(held.length).toBeGreaterThan(50);
    expect(held.filter((path) => pattern.test(path))).toEqual([]);
  });
});

describe('a cold start of the submit Lambda', () => {
  let atOnce: string[];
  beforeAll(async () => {
    const bundled = await bundleLambda('submit-render');
    atOnce = sourcesIn(bundled, bundled.atOnce);
  });

  test('loads the client of S3, which every upload needs', () => {
    expect(atOnce).toContainEqual(expect.stringContaining('node_modules/@aws-sdk/client-s3/'));
  });

  test.each([
    ['the scene reader', /^core\/scene\/(blend|contents|project|reach|zstd)\//],
    ['the submission of jobs', /^core\/jobs\/(submit|ensure-jobs)\.ts/],
    ['the client of AWS Batch', /node_modules\/@aws-sdk\/client-batch\//],
    ['the client of SNS', /node_modules\/@aws-sdk\/client-sns\//],
    ['the client of SQS', /node_modules\/@aws-sdk\/client-sqs\//],
    [
      'credentials that no Lambda has',
      /node_modules\/@aws-sdk\/credential-provider-(sso|ini|process|http)\//,
    ],
  ])('does not load %s', (_, pattern) => {
    expect(atOnce.filter((path) => pattern.test(path))).toEqual([]);
  });
});

/** The source files in these files of a bundle. */
function sourcesIn({ metafile }: Bundle, names: Iterable<string>): string[] {
  const wanted = new Set(names);
  return Object.entries(metafile.outputs)
    .filter(([path]) => wanted.has(basename(path)))
    .flatMap(([, { inputs }]) => Object.entries(inputs))
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([path]) => path);
}

// esbuild writes the path of each module above it.
test.each(['index.js', 'worker.js'])(
  'dist/%s does not include the AWS SDK, which it loads on AWS only',
  (name) => {
    const bundle = readFileSync(join(ROOT, 'dist', name), 'utf8');
    expect(bundle).toContain('// node_modules/zod/');
    expect(bundle).not.toContain('// node_modules/@aws-sdk/');
  },
);
