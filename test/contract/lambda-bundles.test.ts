import { build, type Metafile } from 'esbuild';
import { ROOT } from '../support/source-files';

/** Bytes. */
const LARGEST = 1_000_000;

/** A Lambda's handler bundled as the farm's stack does it. */
async function bundle(name: string): Promise<{ readonly metafile: Metafile; readonly bytes: number }> {
  const { metafile, outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: [`lambda/${name}/handler.ts`],
    outdir: 'dist',
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    mainFields: ['module', 'main'],
    metafile: true,
    write: false,
    logLevel: 'silent',
  });
  return { metafile, bytes: outputFiles[0]!.contents.byteLength };
}

describe.each(['submit-render', 'finish-render'])('the bundle of %s', (name) => {
  let bundled: Awaited<ReturnType<typeof bundle>>;
  beforeAll(async () => {
    bundled = await bundle(name);
  });

  test('is small', () => expect(bundled.bytes).toBeLessThan(LARGEST));

  test.each([
    ['the CDK', /aws-cdk-lib|constructs/],
    ['what deploys', /^lib\//],
    ['the worker', /^container\//],
    ['the command line', /^cli\//],
    ['the local Batch', /^core\/batch\/local\//],
    ['the large variant of zod', /zod\/v4\/classic\//],
    ['the older SDK', /node_modules\/aws-sdk\//],
  ])('does not hold %s', (_, pattern) => {
    const held = Object.entries(Object.values(bundled.metafile.outputs)[0]!.inputs)
      .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
      .map(([path]) => path);
    expect(held.length).toBeGreaterThan(50);
    expect(held.filter((path) => pattern.test(path))).toEqual([]);
  });
});
