import { createHash } from 'node:crypto';
import type { ManifestDependency } from '../contract/manifest';
import type { RenderOptions } from '../contract/options';
import type { SpotreelError } from '../errors';
import type { BlenderVersion } from '../render/blender-version';
import { chooseCameras } from '../render/cameras';
import { faultsOf, sceneFaults } from '../render/plan';
import { formatLocation, sortByKey } from '../storage/location';
import { colorFindings } from './color-findings';
import { contentsFindings } from './contents-findings';
import { denoiseFindings } from './denoise-findings';
import { dependencyFindings, FIXES, type RenderPlace } from './dependency-findings';
import type { SceneExamination } from './examine-scene';
import { ruleOf } from './finding-codes';
import { sortFindings, type PreflightFinding } from './findings';
import { groupMissing } from './missing-groups';
import { pathFindings } from './path-findings';
import { PreflightError } from './preflight-error';
import { sceneFindings } from './scene-findings';
import { soundFindings } from './sound-findings';
import { videoFindings } from './video-findings';

/** What a preflight is made from, besides what the scene was found to be. */
export interface PreflightInput {
  /** The scene, as users write it. */
  readonly file: string;
  readonly options: RenderOptions;
  readonly place: RenderPlace;
  /** Whether engines that draw on a screen have one. */
  readonly hasDisplay: boolean;
  /** Whether the Blender that renders has OpenImageDenoise; absent if unknown. See `needsDenoiser`. */
  readonly hasDenoiser?: boolean | undefined;
  /** Whether `OCIO` names a colour configuration there. */
  readonly hasOwnColors?: boolean | undefined;
  /** The Blender that would render; absent where that is unknown. */
  readonly blender?: BlenderVersion | undefined;
  /** What keeps the place from rendering it, such as a Blender that is too old. */
  readonly placeFaults?: readonly SpotreelError[];
}

/** What a preflight found. */
export interface Preflight {
  /** Errors first. */
  readonly findings: readonly PreflightFinding[];
  /** One sentence for several errors of a code, by that code. */
  readonly grouped: ReadonlyMap<string, string>;
  readonly scenePath: string;
  /** Files that the scene needs, ascending by path, no path twice. */
  readonly files: readonly ManifestDependency[];
  /** Whether each frame needs the frames before it, so that one child has to render all of them. */
  readonly needsOneSlice: boolean;
  /** Whether there are speakers that may be heard. */
  readonly hasSpeakers: boolean;
}

/** Judges what was found: pure. What is wrong are findings, not exceptions. */
export function preflight(examination: SceneExamination, input: PreflightInput): Preflight {
  const { facts, contents, project, scenePath } = examination;
  const { options, place, placeFaults = [] } = input;
  const contentsFound = contentsFindings(contents, project.libraries, options);
  const held = [
    contents,
    ...project.libraries.flatMap(({ isLinked, contents: one }) => (isLinked && one) || []),
  ];
  const speakers = [...new Set(held.flatMap((one) => one.speakers))];
  const findings = [
    ...[
      ...sceneFaults(facts, options, input.file, contents),
      ...cameraFaults(examination, options),
      ...placeFaults,
    ].map(findingOf),
    ...pathFindings(examination, input.file),
    ...dependencyFindings(project, place, input.blender),
    ...sceneFindings(facts, options, input),
    ...colorFindings(facts, options, { ...input, colorConfig: examination.colorConfig }),
    ...denoiseFindings(examination, options, input.hasDenoiser),
    ...soundFindings(facts, options, speakers),
    ...videoFindings(facts, options),
    ...contentsFound,
  ];
  return {
    findings: sortFindings(findings, options.force),
    grouped: groupMissing(project.dependencies, FIXES),
    scenePath,
    files: filesOf(examination),
    needsOneSlice: contentsFound.some(({ code }) => code === 'unbaked-simulation'),
    hasSpeakers: speakers.length > 0,
  };
}

/** Options that are wrong whatever the scene is. */
const USAGE_CODES: ReadonlySet<string> = new Set([
  'bad-frame-range',
  'no-such-camera',
  'no-gpu',
  'scripts-refused',
]);

/** Throws `PreflightError` where there are errors among the findings. */
export function refuseErrors({ findings, grouped }: Preflight, file: string): void {
  const errors = findings.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return;
  const isUsage = errors.every(({ code }) => USAGE_CODES.has(code));
  throw new PreflightError(file, findings, isUsage ? 'usage' : 'scene', grouped);
}

/** Tells sets of files apart: another one where any file is another, or another version; `undefined` for none. */
export function digestOfFiles(files: readonly ManifestDependency[]): string | undefined {
  if (files.length === 0) return undefined;
  const versions = files.map(({ path, size, etag, modified }) => [path, size, etag ?? modified]);
  return createHash('sha256').update(JSON.stringify(versions)).digest('hex');
}

function cameraFaults(examination: SceneExamination, options: RenderOptions): SpotreelError[] {
  return faultsOf(() => chooseCameras(examination, options));
}

function findingOf({ code, message }: SpotreelError): PreflightFinding {
  return { code, severity: ruleOf(code).severity, message };
}

function filesOf({ project: { dependencies }, scenePath }: SceneExamination): ManifestDependency[] {
  const byPath = new Map<string, ManifestDependency>();
  for (const { files } of dependencies) {
    for (const { path, url, size, etag, modified } of files) {
      // A library may link the scene itself.
      if (path === scenePath) continue;
      byPath.set(path, {
        path,
        url: formatLocation(url),
        size,
        ...(etag === undefined ? { modified } : { etag }),
      });
    }
  }
  return sortByKey(byPath.values(), ({ path }) => path);
}
