import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Podman } from './podman';

const run = promisify(execFile);

/** Debian's release → the Blender in it: Debian 12 and 13. */
export const BLENDER_OF = { bookworm: '3.4.1', trixie: '4.3.2' } as const;

export type Suite = keyof typeof BLENDER_OF;

/**
 * The image that replaces `node:24-…-slim` if no container registry can be reached: the release's smallest
 * system, made by debootstrap, with the Node that runs this. Made once and kept. Gives its name.
 */
export async function standInBase(podman: Podman, suite: Suite): Promise<string> {
  const name = `localhost/spotreel-rehearsal/base:${suite}-node${process.versions.node}`;
  if ((await podman.try(['image', 'exists', name])).exitCode === 0) return name;
  const folder = mkdtempSync(join(podman.folder, 'base-'));
  try {
    const [root, archive] = [join(folder, 'root'), join(folder, 'root.tar')];
    await run('debootstrap', ['--variant=minbase', suite, root], { maxBuffer: 64 * 1024 * 1024 });
    await addNode(root);
    writeFileSync(join(root, 'etc/apt/apt.conf.d/90this-machine'), await aptChecks());
    await run('tar', ['--create', '--file', archive, '--directory', root, ...LEFT_OUT, '.']);
    await podman.run('import', archive, name);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return name;
}

const LEFT_OUT = ['--exclude', './var/cache/apt/*', '--exclude', './var/lib/apt/lists/*'];

async function addNode(root: string): Promise<void> {
  copyFileSync(process.execPath, join(root, 'usr/local/bin/node'));
  // A Node that needs libraries which the release does not have is better noticed now than in a container.
  await run('chroot', [root, '/usr/local/bin/node', '--version']);
}

/** How this machine looks at its package mirror's dates: a mirror that is kept as it was is out of date. */
async function aptChecks(): Promise<string> {
  const { stdout } = await run('apt-config', ['dump']);
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('Acquire::Check-'))
    .map((line) => `${line}\n`)
    .join('');
}
