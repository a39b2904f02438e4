// Bundles the command line and the worker into dist/, and puts what they read beside them.
import { chmod, copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');

await build({
  absWorkingDir: root,
  entryPoints: { spotreel: 'bin/spotreel.ts', worker: 'container/worker/main.ts' },
  outdir: dist,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'cjs',
  // Names of functions and files stay readable in a user's stack trace.
  minifySyntax: true,
  logLevel: 'warning',
});
await mkdir(dist, { recursive: true });
// What the worker starts other programs with; the image has them beside it, too (lib/constructs/worker-image.ts).
for (const script of ['render_frames.py', 'missing_files.py', 'mix_sound.py', 'sandbox.pl']) {
  await copyFile(join(root, 'container/worker', script), join(dist, script));
}
await chmod(join(dist, 'spotreel.js'), 0o755);
