import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WORKER_FILES } from '../../lib/built-files';
import { ROOT } from '../support/source-files';
import type { Podman, PodmanResult } from './podman';
import { BLENDER_OF, standInBase, type Suite } from './stand-in-base';

/** Values of the Dockerfile's arguments. */
export type BuildArguments = Readonly<Record<string, string>>;

export interface BuildOptions {
  /** The stage to end with. @default - the last */
  readonly target?: string;
  /** The build's log: its steps, and those that were cached. */
  readonly onLine?: (line: string) => void;
}

/** An image of the podman that built it. */
export interface BuiltImage {
  readonly id: string;
  /** The layers from the first to the last, each as the `sha256:…` of its content. */
  readonly layers: readonly string[];
}

/** Builds `container/Dockerfile`, as a registry's user would, with the files in `context`. Ends however podman does. */
export async function tryBuild(
  podman: Podman,
  context: string,
  build: BuildArguments,
  { target, onLine }: BuildOptions = {},
): Promise<PodmanResult> {
  const args = Object.entries(build).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
  return podman.try(
    [
      // Docker's format, which knows HEALTHCHECK; a build that fails is to leave nothing behind.
      ...['build', '--format', 'docker', '--layers', '--force-rm'],
      // The host's network, and no cgroups.
      ...['--isolation', 'chroot', '--network', 'host'],
      ...['--file', join(ROOT, 'container/Dockerfile'), ...(target ? ['--target', target] : []), ...args],
      context,
    ],
    { ...(onLine && { onLine }) },
  );
}

/** The farm's image with Debian's Blender of a release, with the worker of dist/. Quick where it was built before. */
export async function workerImage(
  podman: Podman,
  suite: Suite,
  context = distContext(),
): Promise<BuiltImage> {
  try {
    const build = await workerBuild(podman, suite);
    const { exitCode, stdout, stderr } = await tryBuild(podman, context, build);
    if (exitCode !== 0) throw new Error(`the image can't be built: ${`${stdout}\n${stderr}`.slice(-4000)}`);
    const id = stdout.trim().split('\n').at(-1)!;
    // A name keeps it from being removed with unused images.
    await podman.run('tag', id, `localhost/spotreel-rehearsal/worker:${BLENDER_OF[suite]}`);
    return { id, layers: await layersOf(podman, id) };
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

/** The arguments of such an image. */
export async function workerBuild(podman: Podman, suite: Suite): Promise<BuildArguments> {
  return {
    BASE_IMAGE: await standInBase(podman, suite),
    BLENDER_SOURCE: 'debian',
    BLENDER_VERSION: BLENDER_OF[suite],
  };
}

export async function layersOf(podman: Podman, image: string): Promise<string[]> {
  const [facts] = JSON.parse(await podman.run('image', 'inspect', image));
  return facts.RootFS.Layers;
}

/** A folder with what the image takes of dist/ and no more, as `cdk deploy` makes it. */
export function distContext(): string {
  const context = mkdtempSync(join(tmpdir(), 'spotreel-context-'));
  for (const name of WORKER_FILES) copyFileSync(join(ROOT, 'dist', name), join(context, name));
  return context;
}
