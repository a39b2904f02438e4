import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Docker } from './docker';

const run = promisify(execFile);

/** Debian's release → the Blender in it: Debian 12 and 13. */
export const BLENDER_OF = { bookworm: '3.4.1', trixie: '4.3.2' } as const;

export type Suite = keyof typeof BLENDER_OF;

/**
 * As in Docker's official images of Debian: packages leave out what no program reads, and dpkg does not wait for the disk.
 * https://github.com/debuerreotype/debuerreotype/tree/master/scripts
 */
const DPKG = [
  'force-unsafe-io',
  ...['doc', 'info', 'linda', 'lintian', 'locale', 'man'].map((name) => `path-exclude=/usr/share/${name}/*`),
];

/**
 * The image that replaces `node:24-…-slim` if no container registry can be reached: the release's smallest
 * system, made by mmdebstrap, with the Node that runs this. Made once and kept. Gives its name.
 */
export async function standInBase(docker: Docker, suite: Suite): Promise<string> {
  const name = `spotreel-rehearsal/base:${suite}-node${process.versions.node}`;
  if ((await docker.try(['image', 'inspect', name])).exitCode === 0) return name;
  const folder = mkdtempSync(join(docker.folder, 'base-'));
  try {
    const archive = join(folder, 'root.tar');
    await run(
      'mmdebstrap',
      [
        ...['--variant=minbase', '--quiet', ...DPKG.map((option) => `--dpkgopt=${option}`)],
        ...(await aptChecks()).map((option) => `--aptopt=${option}`),
        '--customize-hook=install "$NODE" "$1/usr/local/bin/node"',
        // A Node that needs libraries which the release does not have is better noticed now than in a container.
        '--customize-hook=chroot "$1" /usr/local/bin/node --version',
        ...[suite, archive],
      ],
      { env: { ...process.env, NODE: process.execPath }, maxBuffer: 64 * 1024 * 1024 },
    );
    await docker.run('import', archive, name);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return name;
}

/** How this machine looks at its package mirror's dates: a mirror that is kept as it was is out of date. */
async function aptChecks(): Promise<string[]> {
  const { stdout } = await run('apt-config', ['dump']);
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('Acquire::Check-'))
    .map((line) => line.replace(/;$/, ''));
}
