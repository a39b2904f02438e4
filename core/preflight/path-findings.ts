import { projectPathFault, scenePathFault } from '../contract/project-path';
import { SpotreelError } from '../errors';
import { printableName } from '../printable';
import type { SceneExamination } from './examine-scene';
import { finding, type PreflightFinding } from './findings';

/** Names of the scene and of its files that a worker could not write to its disk; `file` is the scene in messages. Pure. */
export function pathFindings({ scenePath, project }: SceneExamination, file: string): PreflightFinding[] {
  const files = project.dependencies.flatMap((dependency) => dependency.files.map(({ path }) => path));
  const faults = [
    [file, scenePathFault(scenePath)],
    ...files.map((path) => [path, projectPathFault(path)] as const),
  ] as const;
  return faults.flatMap(([path, fault]) => (fault === undefined ? [] : [badPath(path, fault)]));
}

/** Throws `bad-path` for the place of a scene that Blender opens there, such as `uploads/film/shot.blend`. */
export function refusePath(path: string): void {
  const fault = scenePathFault(path);
  if (fault === undefined) return;
  const { code, message } = badPath(path, fault);
  throw new SpotreelError(code, 'scene', message);
}

function badPath(path: string, fault: string): PreflightFinding {
  return finding('bad-path', `the path ${printableName(path)} ${fault}; rename the file or folder`);
}
