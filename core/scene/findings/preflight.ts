import { createHash } from 'node:crypto';
import { type FaultKind, SpotreelError } from '../../errors';
import type { BlenderVersion } from '../../render/blender-version';
import { renderIdOf } from '../../render/keys';
import {
  type Finding,
  type ManifestDependency,
  projectPathFault,
  scenePathFault,
} from '../../render/manifest';
import type { RenderOptions } from '../../render/options';
import type { RenderStatus } from '../../render/records';
import { Render } from '../../render/render';
import { formatLocation, type ObjectHead, sortByKey, type Storage } from '../../storage/storage';
import { listNames, printableLine, printableName } from '../../text';
import type { BlendContents } from '../contents/blend-contents';
import { finding, type PreflightFinding, ruleOf, sortFindings } from './codes';
import { dependencyFindings, FIXES, groupMissing, type RenderPlace } from './dependencies';
import { colorFindings, denoiseFindings, sceneFindings, soundFindings, videoFindings } from './scene';
import { chooseCameras, faultsOf, sceneFaults } from '../plan';
import type { FoundLibrary } from '../project/dependencies';
import type { SceneExamination } from '../project/examine';

/**
 * Refuses a scene because of errors in `findings`. One error keeps its own code and message; for several the code is
 * `preflight`, and the message counts and lists them.
 */
export class PreflightError extends SpotreelError {
  /** All findings, errors first. */
  readonly findings: readonly PreflightFinding[];

  /** `grouped` has one sentence per code that replaces several errors. */
  constructor(
    file: string,
    findings: readonly PreflightFinding[],
    kind: FaultKind = 'scene',
    grouped: ReadonlyMap<string, string> = new Map(),
  ) {
    const errors = groupErrors(
      findings.filter(({ severity }) => severity === 'error'),
      grouped,
    );
    const [first, second] = errors;
    const only = second ? undefined : first;
    super(only?.code ?? 'preflight', kind, only?.message ?? describe(file, errors));
    this.findings = findings;
  }

  /** The first line of the message, without findings. */
  get headline(): string {
    return this.message.split('\n', 1)[0]!;
  }
}

function describe(file: string, errors: readonly Pick<PreflightFinding, 'code' | 'message'>[]): string {
  const lines = errors.map(({ code, message }) => `- ${code}: ${message}`);
  return [`${errors.length} errors in ${printableName(file)}`, ...lines].join('\n');
}

function groupErrors(
  errors: readonly PreflightFinding[],
  grouped: ReadonlyMap<string, string>,
): Pick<PreflightFinding, 'code' | 'message'>[] {
  const found = errors.map(({ code, message }) => ({ code, message: grouped.get(code) ?? message }));
  return [...new Map(found.map((one) => [JSON.stringify([one.code, one.message]), one])).values()];
}

const ALLOW = 'render with --allow-scripts if you trust this scene';

const WITHOUT_THEM = `do not run: Spotreel renders without them; ${ALLOW}`;

/** Findings about scripts of a scene or of its library. Pure. */
function scriptFindings(
  { scripts }: BlendContents,
  { allowScripts }: RenderOptions,
  library?: string,
): PreflightFinding[] {
  const of = library === undefined ? '' : ` of library ${printableName(library)}`;
  if (allowScripts) return running(scripts, of);
  const { texts, driverExpressions, freestyleModules, unsafeNames, scriptNodes } = scripts;
  const without = (all: readonly string[]): string =>
    all.length > 1 ? WITHOUT_THEM : `does not run: Spotreel renders without it; ${ALLOW}`;
  const findings: PreflightFinding[] = [];
  if (texts.length > 0) findings.push(finding('scripts-off', `${registered(texts)}${of} ${without(texts)}`));
  if (driverExpressions > 0) {
    const keeps =
      driverExpressions > 1 ? 'do not run and keep their values' : 'does not run and keeps its value';
    const message = `${drivers(driverExpressions)}${of} ${keeps}: use simple expressions, bake the animation (Object > Animation > Bake Action), or ${ALLOW}`;
    findings.push(finding('drivers-off', message));
  }
  if (freestyleModules.length > 0)
    findings.push(
      finding('freestyle-scripts', `${modules(freestyleModules)}${of} ${without(freestyleModules)}`),
    );
  if (unsafeNames.length > 0) {
    const message = `Blender 3.4 would run parts of Freestyle names as Python (${names(unsafeNames)}${of}): Spotreel replaces their backslashes and control characters by _; rename them in Blender`;
    findings.push(finding('freestyle-names', message));
  }
  if (scriptNodes.length > 0)
    findings.push(finding('osl-scripts', `${nodes(scriptNodes)}${of} ${WITHOUT_THEM}`));
  return findings;
}

function running(
  { texts, driverExpressions, freestyleModules, unsafeNames, scriptNodes }: BlendContents['scripts'],
  of: string,
): PreflightFinding[] {
  const all = [
    ...(texts.length > 0 ? [registered(texts)] : []),
    ...(driverExpressions > 0 ? [drivers(driverExpressions)] : []),
    ...(freestyleModules.length > 0 ? [modules(freestyleModules)] : []),
    ...(unsafeNames.length > 0 ? [`Python in Freestyle names (${names(unsafeNames)})`] : []),
    ...(scriptNodes.length > 0 ? [nodes(scriptNodes)] : []),
  ];
  if (all.length === 0) return [];
  const message = `--allow-scripts lets scripts${of} run, and they can put any file that you can read into a picture: ${all.join('; ')}`;
  return [finding('scripts-run', message)];
}

const registered = (texts: readonly string[]): string =>
  `registered ${plural(texts, 'text')} ${names(texts)}`;

const modules = (texts: readonly string[]): string =>
  `Freestyle style ${plural(texts, 'module')} ${names(texts)}`;

const nodes = (users: readonly string[]): string =>
  `OSL shaders in ${listNames(users.map(printableName), MOST_NAMES)}`;

const drivers = (count: number): string =>
  count === 1 ? '1 driver with a Python expression' : `${count} drivers with Python expressions`;

const plural = (all: readonly string[], noun: string): string => (all.length > 1 ? `${noun}s` : noun);

const names = (all: readonly string[]): string =>
  listNames(
    all.map((name) => `"${printableName(name)}"`),
    MOST_NAMES,
  );

/** Names that one message lists. */
const MOST_NAMES = 5;

/** Contents of a scene that render differently than its maker may expect. Pure. */
function contentsFindings(
  contents: BlendContents,
  libraries: readonly FoundLibrary[],
  options: RenderOptions,
): PreflightFinding[] {
  const linked = libraries.filter(({ isLinked }) => isLinked);
  return [
    ...unbaked(contents),
    ...linked.flatMap(({ location, contents: held }) => (held ? unbaked(held, location) : [])),
    ...scriptFindings(contents, options),
    ...linked.flatMap(({ location, contents: held }) =>
      held ? scriptFindings(held, options, location) : [],
    ),
    ...contents.addonTrees.map(addonTree),
    ...linked.flatMap(({ contents: held }) => held?.addonTrees.map(addonTree) ?? []),
    ...contents.fileOutputs.map(({ path }) => fileOutput(path)),
    ...incomplete(contents, 'the scene'),
    ...libraries.flatMap(({ location, contents: held }) =>
      held ? incomplete(held, `library ${printableName(location)}`) : [],
    ),
  ];
}

function unbaked({ unbaked: simulations }: BlendContents, library?: string): PreflightFinding[] {
  if (simulations.length === 0) return [];
  const named = simulations.map(({ kind, what }) => `${printableName(what)} (${kind})`);
  const of = library === undefined ? '' : ` of library ${printableName(library)}`;
  const are = simulations.length > 1 ? 'are simulations that are' : 'is a simulation that is';
  const message = `${listNames(named, MOST_NAMES)}${of} ${are} not baked: Spotreel renders all frames in one slice and plays the simulation from its first frame, as if it were baked. Blender's own background render does not play it; bake to disk (Physics Properties > Cache) and save the .blend`;
  return [finding('unbaked-simulation', message)];
}

function addonTree(type: string): PreflightFinding {
  const message = `node trees of type ${printableName(type)} belong to an add-on; Spotreel loads no add-ons, so frames lack the effect of these nodes: bake their result into keyframes, meshes or files`;
  return finding('addon-nodes', message);
}

function fileOutput(path: string): PreflightFinding {
  const message = `a File Output node of the compositor writes to ${printableName(path)}; Spotreel keeps its files in outputs/ in the render's folder instead`;
  return finding('file-output', message, path);
}

function incomplete({ incomplete: isIncomplete, limit }: BlendContents, what: string): PreflightFinding[] {
  if (!isIncomplete) return [];
  const reason = limit === undefined ? '' : `: it takes more than ${limit}`;
  const message = `${what} is too large to find every file that it needs${reason}; split it into libraries, or use --force to render with the files that were found`;
  return [finding('contents-incomplete', message)];
}

/** Paths that a worker could not write to its disk; `file` is the scene in messages. Pure. */
function pathFindings({ scenePath, project }: SceneExamination, file: string): PreflightFinding[] {
  const files = project.dependencies.flatMap((dependency) => dependency.files.map(({ path }) => path));
  const faults = [
    [file, scenePathFault(scenePath)],
    ...files.map((path) => [path, projectPathFault(path)] as const),
  ] as const;
  return faults.flatMap(([path, fault]) => (fault === undefined ? [] : [badPath(path, fault)]));
}

/** Throws `bad-path` if Blender cannot open a scene at this path, such as `uploads/film/shot.blend`. */
export function refusePath(path: string): void {
  const fault = scenePathFault(path);
  if (fault === undefined) return;
  const { code, message } = badPath(path, fault);
  throw new SpotreelError(code, 'scene', message);
}

function badPath(path: string, fault: string): PreflightFinding {
  return finding('bad-path', `the path ${printableName(path)} ${fault}; rename the file or folder`);
}

/** Input of a preflight, besides the examined scene. */
export interface PreflightInput {
  /** The scene as written by the user. */
  readonly file: string;
  readonly options: RenderOptions;
  readonly place: RenderPlace;
  /** Whether engines that need a display have one. */
  readonly hasDisplay: boolean;
  /** Whether the Blender that renders has OpenImageDenoise; absent if unknown. See `needsDenoiser`. */
  readonly hasDenoiser?: boolean;
  /** Whether `OCIO` names a colour configuration there. */
  readonly hasOwnColors?: boolean;
  /** The Blender that would render; absent if unknown. */
  readonly blender?: BlenderVersion;
  /** Faults of the place, such as a Blender that is too old. */
  readonly placeFaults?: readonly SpotreelError[];
}

export interface Preflight {
  /** Errors first. */
  readonly findings: readonly PreflightFinding[];
  /** One sentence for several errors, by code. */
  readonly grouped: ReadonlyMap<string, string>;
  readonly scenePath: string;
  /** Files that the scene needs, sorted by path, unique. */
  readonly files: readonly ManifestDependency[];
  /** Whether each frame needs the frames before it, so that one child must render all of them. */
  readonly needsOneSlice: boolean;
  /** Whether speakers may have sound. */
  readonly hasSpeakers: boolean;
}

/** Judges an examined scene. Faults become findings, not exceptions. Pure. */
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

/** Errors in options, not in the scene. */
const USAGE_CODES: ReadonlySet<string> = new Set([
  'bad-frame-range',
  'no-such-camera',
  'no-gpu',
  'scripts-refused',
]);

/** Throws `PreflightError` if there are errors. */
export function refuseErrors({ findings, grouped }: Preflight, file: string): void {
  const errors = findings.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return;
  const isUsage = errors.every(({ code }) => USAGE_CODES.has(code));
  throw new PreflightError(file, findings, isUsage ? 'usage' : 'scene', grouped);
}

/** A hash of files and their versions; `undefined` for no files. */
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

/** Faults of an existing render in the folder. */
const OTHERS: ReadonlySet<string> = new Set(['name-taken', 'bad-manifest', 'newer-manifest']);

/**
 * The render that a refused upload would have made, and its status, which the caller writes. `wishes` are absent if
 * they are at fault. Pure.
 */
export function refusalOf(
  { url, etag }: Pick<ObjectHead, 'url' | 'etag'>,
  wishes: { readonly options: RenderOptions; readonly name?: string } | undefined,
  error: SpotreelError,
  services: { readonly output: URL; readonly storage: Storage; readonly now: () => Date },
): { readonly render: Render; readonly status: RenderStatus } {
  const { code } = error;
  const { options = {}, name } = wishes ?? {};
  // That name or id may be the folder of another render, whose status this refusal must not touch.
  const isOthers = wishes === undefined || OTHERS.has(code);
  const ownId = renderIdOf({ source: url, etag: isOthers ? `${etag}+${code}` : etag, options });
  const renderId = (isOthers ? undefined : name) ?? ownId;
  const render = Render.at(services.output, renderId, services.storage);
  const status: RenderStatus = {
    version: 1,
    renderId,
    state: 'refused',
    at: services.now().toISOString(),
    source: { url: formatLocation(url), etag },
    ...told(error),
    links: { folder: render.location },
  };
  return { render, status };
}

/** Most characters of a reason. */
const LONGEST_REASON = 4096;

/** The reason in one line, and a list of the findings. */
function told(error: SpotreelError): { reason: string; findings: Finding[] } {
  const { code } = error;
  // A message may quote an object key or a name from the scene.
  const message = printableLine(error.message, LONGEST_REASON);
  if (!(error instanceof PreflightError)) return { reason: message, findings: [{ code, message }] };
  const { headline, findings } = error;
  // Includes the first finding, so that a second refusal for another reason differs from a repeated one.
  const reason = code === 'preflight' ? `${headline}, the first: ${findings[0]?.message}` : headline;
  return { reason: printableLine(reason, LONGEST_REASON), findings: [...findings] };
}
