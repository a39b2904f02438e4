import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WORKER_FILES } from '../../lib/built-files';
import { ROOT } from '../support/source-files';
import type { Docker, DockerResult } from './docker';
import { BLENDER_OF, standInBase, type Suite } from './stand-in-base';

/** Values of the Dockerfile's arguments. */
export type BuildArguments = Readonly<Record<string, string>>;

export interface BuildOptions {
  /** The stage to end with. @default - the last */
  readonly target?: string;
  /** The build's log: its steps, and those that were cached. */
  readonly onLine?: (line: string) => void;
}

/** An image of the engine that built it. */
export interface BuiltImage {
  readonly id: string;
  /** The layers from the first to the last, each as the `sha256:…` of its content. */
  readonly layers: readonly string[];
}

/** A build's end, with the image's id if there is one. */
export interface BuildResult extends DockerResult {
  readonly id?: string;
}

/**
 * Builds the image from the Dockerfile and the files in `context`, as `cdk deploy` does. A failed build leaves no container.
 */
export async function tryBuild(
  docker: Docker,
  context: string,
  build: BuildArguments,
  { target, onLine }: BuildOptions = {},
): Promise<BuildResult> {
  const folder = mkdtempSync(join(tmpdir(), 'spotreel-build-'));
  try {
    const idFile = join(folder, 'id');
    const args = Object.entries(build).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
    const result = await docker.try(
      [
        ...['build', '--force-rm', '--network', 'host', '--iidfile', idFile],
        ...['--file', join(ROOT, 'container/Dockerfile'), ...(target ? ['--target', target] : []), ...args],
        context,
      ],
      { ...(onLine && { onLine }) },
    );
    return result.exitCode === 0 ? { ...result, id: readFileSync(idFile, 'utf8') } : result;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The farm's image with Debian's Blender of a release, with the worker of dist/. Quick where it was built before. */
export async function workerImage(
  docker: Docker,
  suite: Suite,
  context = distContext(),
): Promise<BuiltImage> {
  try {
    const build = await workerBuild(docker, suite);
    const { id, stdout, stderr } = await tryBuild(docker, context, build);
    if (id === undefined) throw new Error(`the image can't be built: ${`${stdout}\n${stderr}`.slice(-4000)}`);
    // A name keeps it from being removed with unused images.
    await docker.run('tag', id, `spotreel-rehearsal/worker:${BLENDER_OF[suite]}`);
    return { id, layers: await layersOf(docker, id) };
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

/** The arguments of such an image. */
export async function workerBuild(docker: Docker, suite: Suite): Promise<BuildArguments> {
  return {
    BASE_IMAGE: await standInBase(docker, suite),
    BLENDER_SOURCE: 'debian',
    BLENDER_VERSION: BLENDER_OF[suite],
  };
}

export async function layersOf(docker: Docker, image: string): Promise<string[]> {
  const [facts] = JSON.parse(await docker.run('image', 'inspect', image));
  return facts.RootFS.Layers;
}

/** A folder with what the image takes of dist/ and no more, as `cdk deploy` makes it. */
export function distContext(): string {
  const context = mkdtempSync(join(tmpdir(), 'spotreel-context-'));
  for (const name of WORKER_FILES) copyFileSync(join(ROOT, 'dist', name), join(context, name));
  return context;
}
