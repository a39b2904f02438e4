// Bundles the command line and the worker into dist/, and puts the files that they read beside them.
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');

/** Large parts of the SDK. Each has its own file, which only the commands that need it read, so that `--help` is fast. */
const APART = { '@aws-sdk/client-ec2': 'aws-ec2' };

const apart = {
  name: 'apart',
  setup({ onResolve }) {
    onResolve({ filter: /^@aws-sdk\// }, ({ path, kind }) =>
      path in APART && kind !== 'entry-point' ? { path: `./${APART[path]}.js`, external: true } : undefined,
    );
  },
};

const { outputFiles } = await build({
  absWorkingDir: root,
  entryPoints: {
    spotreel: 'bin/spotreel.ts',
    worker: 'container/worker/main.ts',
    ...Object.fromEntries(Object.entries(APART).map(([path, name]) => [name, path])),
  },
  outdir: dist,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'cjs',
  plugins: [apart],
  // Names of functions and files stay readable in a user's stack trace.
  minifySyntax: true,
  logLevel: 'warning',
  write: false,
});
await mkdir(dist, { recursive: true });
for (const { path, contents } of outputFiles)
  await put(path, contents, basename(path) === 'spotreel.js' ? 0o755 : 0o644);
// Files that the bundles read; the image has those of the worker, too (lib/constructs/worker-images.ts).
const forBlender = (await readdir(join(root, 'container/worker/blender'))).filter((name) =>
  name.endsWith('.py'),
);
const scripts = [
  ...forBlender.map((name) => `container/worker/blender/${name}`),
  'container/worker/sandbox.pl',
  'core/processes/supervise.pl',
  // The scene of `spotreel prove`.
  'cli/prove/prove.blend',
];
for (const script of scripts) {
  await put(join(dist, basename(script)), await readFile(join(root, script)));
}

/** Replaces only changed files, each at once, as programs may be running from here. */
async function put(path, contents, mode = 0o644) {
  const there = await readFile(path).catch(() => undefined);
  if (there?.equals(contents)) return;
  const partial = `${path}.${process.pid}`;
  await writeFile(partial, contents, { mode });
  await rename(partial, path);
}
