// `npm run demo`: installs what is missing and renders the example scene to a video.
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

for (const args of [
  [at('scripts/setup.mjs'), '--no-link'],
  [at('dist/spotreel.js'), 'render', at('examples/clock.blend'), '-o', at('renders')],
]) {
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
