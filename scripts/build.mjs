// Bundles the command line, the worker, the Lambdas and the library into dist/, and puts the files that they read beside
// them.
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');

/**
 * The AWS SDK, in files of their own that only commands on AWS load. Node reads and compiles a whole file at once, and half of
 * the time of a short command was spent on code that it did not use.
 */
const APART = {
  'aws-s3': ['client-s3', 'lib-storage'],
  'aws-ec2': ['client-ec2'],
  aws: [
    'client-batch',
    'client-cloudwatch',
    'client-cloudwatch-logs',
    'client-ecr',
    'client-ecs',
    'client-service-quotas',
    'client-ssm',
    'client-sts',
  ],
};

/** `exports['client-s3']` of `aws-s3.js` is that package, loaded when it is first read. */
const entryOf = (packages) =>
  packages
    .map((name) => `Object.defineProperty(exports, '${name}', { get: () => require('@aws-sdk/${name}') });`)
    .join('\n');

const apart = {
  name: 'apart',
  setup({ onLoad, onResolve }) {
    // The program is small, and its commands are in the bundle of the library.
    onResolve({ filter: /^\.\/library$/ }, () => ({ path: './index.js', external: true }));
    onResolve({ filter: /^apart:/ }, ({ path }) => ({
      path: path.slice('apart:'.length),
      namespace: 'entry',
    }));
    onLoad({ filter: /.*/, namespace: 'entry' }, ({ path }) => ({
      contents: entryOf(APART[path]),
      resolveDir: root,
    }));
    onResolve({ filter: /^@aws-sdk\// }, ({ path, namespace, importer }) => {
      if (namespace !== 'file' || importer.includes('/node_modules/')) return undefined;
      return { path: path.slice('@aws-sdk/'.length), namespace: 'apart' };
    });
    onLoad({ filter: /.*/, namespace: 'apart' }, ({ path }) => {
      const [file] = Object.entries(APART).find(([, packages]) => packages.includes(path)) ?? [];
      if (file === undefined) throw new Error(`name @aws-sdk/${path} in APART of scripts/build.mjs`);
      return { contents: `module.exports = require('./${file}.js')['${path}'];` };
    });
    onResolve({ filter: /^\.\/aws[^/]*\.js$/, namespace: 'apart' }, ({ path }) => ({ path, external: true }));
  },
};

const LAMBDAS = (await readdir(join(root, 'lambda'), { withFileTypes: true }))
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

const programs = build({
  absWorkingDir: root,
  entryPoints: {
    spotreel: 'bin/spotreel.ts',
    'start-worker': 'bin/start-worker.ts',
    worker: 'container/worker/main.ts',
    index: 'bin/library.ts',
    cdk: 'bin/cdk.ts',
  },
  outdir: dist,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'cjs',
  plugins: [apart],
  // The user's app has them.
  external: ['aws-cdk-lib', 'constructs'],
  // Names of functions and files stay readable in a user's stack trace.
  minifySyntax: true,
  logLevel: 'warning',
  metafile: true,
  write: false,
});
const partsOfSdk = build({
  absWorkingDir: root,
  entryPoints: Object.fromEntries(Object.keys(APART).map((file) => [file, `apart:${file}`])),
  plugins: [apart],
  outdir: dist,
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node20.19',
  format: 'cjs',
  logLevel: 'warning',
  metafile: true,
  write: false,
});
/**
 * `external`: only multipart uploads use it, and no Lambda makes them. With it esbuild would join fewer modules.
 * `mainFields`: the SDK's ES modules, from which esbuild can remove unused code. `splitting`: code behind `import()` gets
 * files of its own, so a cold start does not read it. esbuild splits ES modules only, and Node loads CommonJS sooner.
 */
const { split, commonJs } = JSON.parse(await readFile(join(root, 'scripts/lambda-bundle.json'), 'utf8'));
const lambdas = LAMBDAS.map(async (name) => {
  const { outputFiles, metafile } = await build({
    ...split,
    absWorkingDir: root,
    entryPoints: { index: `lambda/${name}/handler.ts` },
    outdir: join(dist, 'lambda', name),
    logLevel: 'warning',
  });
  const converted = outputFiles.map(async ({ path, text }) => {
    const { code } = await transform(text, commonJs);
    return { path, contents: Buffer.from(code) };
  });
  return { metafile, outputFiles: await Promise.all(converted) };
});
const built = await Promise.all([programs, partsOfSdk, ...lambdas]);
for (const { outputFiles } of built)
  for (const { path, contents } of outputFiles)
    await put(path, contents, basename(path) === 'spotreel.js' ? 0o755 : 0o644);
await removeOldChunks();
// Files that the bundles read; the image has those of the worker, too (lib/built-files.ts).
const forBlender = (await readdir(join(root, 'container/worker/blender'))).filter((name) =>
  name.endsWith('.py'),
);
const copies = [
  ...forBlender.map((name) => `container/worker/blender/${name}`),
  'container/worker/sandbox.pl',
  'core/processes/supervise.pl',
  // What the construct reads (lib/built-files.ts).
  'container/Dockerfile',
  ...(await readdir(join(root, 'lib/host'))).map((name) => `lib/host/${name}`),
  // The scene of `spotreel prove`.
  'cli/prove/prove.blend',
];
for (const path of copies) {
  await put(join(dist, basename(path)), await readFile(join(root, path)));
}

// For the licences in the package (scripts/package.mjs).
const inputs = new Set(built.flatMap(({ metafile }) => Object.keys(metafile.inputs)));
await put(join(dist, 'inputs.json'), Buffer.from(JSON.stringify([...inputs].toSorted())));

/** Removes files of earlier builds from the folders of the Lambdas, which are deployed whole. */
async function removeOldChunks() {
  const written = new Set(built.flatMap(({ outputFiles }) => outputFiles.map(({ path }) => path)));
  for (const name of LAMBDAS) {
    const folder = join(dist, 'lambda', name);
    for (const file of await readdir(folder)) {
      // Another name is a file that another build is writing.
      const isOld = file.endsWith('.js') && !written.has(join(folder, file));
      if (isOld) await rm(join(folder, file), { force: true });
    }
  }
}

/** Replaces only changed files, each at once, as programs may be running from here. */
async function put(path, contents, mode = 0o644) {
  const there = await readFile(path).catch(() => undefined);
  if (there?.equals(contents)) return;
  await mkdir(dirname(path), { recursive: true });
  const partial = `${path}.${process.pid}`;
  await writeFile(partial, contents, { mode });
  await rename(partial, path);
}
