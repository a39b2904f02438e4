import type { Command } from 'commander';
import { askBlenderVersion, findProgram } from '../../container/worker/programs';
import type { SpotreelError } from '../../core/errors';
import {
  type BlenderVersion,
  blenderTooOld,
  compareBlenderVersions,
} from '../../core/render/blender-version';
import { formatFrameRanges } from '../../core/render/frames';
import type { Finding } from '../../core/render/manifest';
import { formatFrameRate, frameRateOf, frameResolution } from '../../core/render/video';
import type { BlendFacts, SceneFacts } from '../../core/scene/blend/facts';
import type { Reach, SceneCameras } from '../../core/scene/contents/blend-contents';
import { preflight } from '../../core/scene/findings/preflight';
import type { FoundDependency } from '../../core/scene/project/dependencies';
import { examineScene } from '../../core/scene/project/examine';
import { openStorage } from '../../core/storage/open-storage';
import { formatLocation } from '../../core/storage/storage';
import { printable, printableName } from '../../core/text';
import { explain, renderOption, type Run } from '../help';
import { denoiserFor, hasDisplay, hasOwnColors } from '../local/farm';
import { describeFinding, describeRows, print } from '../output';
import { findSource, ocioOption } from '../place';

/** The word for each state. */
const STATES: Readonly<Record<FoundDependency['state'], string>> = {
  packed: 'packed',
  found: 'ok',
  missing: 'missing',
  'other-case': 'missing',
  absolute: 'absolute',
  network: 'network',
  'no-file': 'missing',
  outside: 'outside',
  'no-project': 'outside',
  forbidden: 'outside',
  unanchored: 'unanchored',
  unusable: 'missing',
};

/** Whether a frame needs the file; nothing if it surely does. */
const REACHES: Readonly<Record<Reach, string>> = {
  rendered: '',
  maybe: 'may not be rendered',
  unused: 'not rendered',
};

/** A line for each needed file or sequence: `  ok       image //wood.png (image "Wood")`. */
export function describeDependencies(dependencies: readonly FoundDependency[]): string[] {
  if (dependencies.length === 0) return ['files: the scene needs no other files'];
  const lacking = dependencies.filter(({ state }) => !AVAILABLE.has(STATES[state])).length;
  const head = lacking === 0 ? 'files: all found' : `files: ${lacking} of ${dependencies.length} not found`;
  return [head, ...dependencies.map(describeDependency)];
}

/** States of files that a render can use. */
const AVAILABLE: ReadonlySet<string> = new Set(['packed', 'ok']);

/** What the findings mean for a render, in one line. Pure. */
export function describeVerdict(findings: readonly Finding[]): string {
  const count = (kind: Finding['severity']) =>
    findings.filter(({ severity = 'error' }) => severity === kind).length;
  const [errors, warnings] = [count('error'), count('warning')];
  if (errors > 0) return `not ready to render: fix ${errors === 1 ? 'the error' : `${errors} errors`} above`;
  if (warnings === 0)
    return count('note') > 0
      ? 'ready to render: the notes need no change'
      : 'ready to render: nothing is wrong';
  return `ready to render, but read ${warnings === 1 ? 'the warning' : `${warnings} warnings`} above`;
}

function describeDependency({ dependency, state, isAbsolute, files, library }: FoundDependency): string {
  const { kind, path, usedBy, reach } = dependency;
  const users = usedBy.map(printableName).join(', ');
  const notes = [
    users,
    library === undefined ? '' : `by ${printableName(library)}`,
    files.length > 1 ? `${files.length} files` : '',
    state === 'found' && isAbsolute ? 'absolute' : '',
    reach === undefined ? '' : REACHES[reach],
  ].filter(Boolean);
  const note = notes.length > 0 ? ` (${notes.join('; ')})` : '';
  return `  ${STATES[state].padEnd(11)}${kind} ${printableName(path)}${note}`;
}

/** The same as JSON; `files` are the members of a sequence. */
function dependencyJson({ dependency, state, isAbsolute, location, files, library }: FoundDependency) {
  const { kind, extent, path, packed, usedBy, reach } = dependency;
  const found = files.map((file) => ({ location: formatLocation(file.url), size: file.size }));
  return {
    kind,
    extent,
    path,
    packed,
    reach,
    usedBy,
    library,
    location,
    state: STATES[state],
    absolute: isAbsolute,
    files: found,
  };
}

interface InspectFlags {
  readonly json?: boolean;
  readonly allowScripts?: boolean;
}

/** `spotreel inspect FILE`: shows the scenes, needed files and problems of a .blend. Returns the exit code. */
export async function inspectCommand(file: string, { json, allowScripts }: InspectFlags): Promise<number> {
  const storage = openStorage();
  const { url } = await findSource(file, storage);
  const place = url.protocol === 'file:' ? 'here' : 'farm';
  const location = formatLocation(url);
  const ocio = ocioOption(undefined, url, process.env);
  const examination = await examineScene(url, undefined, storage, undefined, undefined, ocio);
  const options = allowScripts ? { allowScripts } : {};
  const blender = place === 'here' ? await blenderHere(process.env) : undefined;
  const { findings } = preflight(examination, {
    file: location,
    options,
    hasOwnColors: place === 'here' && hasOwnColors(process.env),
    ...(place === 'here' && { hasDenoiser: await denoiserFor(examination, options, process.env) }),
    place,
    ...(blender && { blender, placeFaults: faultsOf(examination.facts.blenderVersion, blender, location) }),
    hasDisplay: place === 'here' && hasDisplay(process.env, process.platform),
  });
  const { facts, project, contents } = examination;
  const text = json
    ? JSON.stringify({
        file: location,
        ...facts,
        cameras: contents.cameras,
        incomplete: facts.incomplete || contents.incomplete,
        dependencies: project.dependencies.map(dependencyJson),
        findings,
      })
    : [
        describeFacts(location, facts, contents.cameras),
        ...describeDependencies(project.dependencies),
        ...findings.map(describeFinding),
        describeVerdict(findings),
      ].join('\n');
  if (json) process.stdout.write(`${text}\n`);
  else print(printable(text), process.stdout);
  return 0;
}

/** `undefined` if no Blender is installed: inspect does not need one. */
async function blenderHere(environment: NodeJS.ProcessEnv): Promise<BlenderVersion | undefined> {
  try {
    return await askBlenderVersion(findProgram('blender', environment), environment);
  } catch {
    return undefined;
  }
}

function faultsOf(saved: BlenderVersion, here: BlenderVersion, scene: string): SpotreelError[] {
  return compareBlenderVersions(saved, here) > 0 ? [blenderTooOld(saved, [here], scene, 'here')] : [];
}

function describeFacts(
  file: string,
  { blenderVersion, blenderSubversion, compression, scenes, activeScene, incomplete }: BlendFacts,
  cameras: readonly SceneCameras[],
): string {
  const packed = compression === 'none' ? 'uncompressed' : `compressed with ${compression}`;
  const subversion = blenderSubversion === undefined ? '' : ` (subversion ${blenderSubversion})`;
  const part = incomplete ? '; too large to read whole: this list is incomplete' : '';
  const head = `${file}: saved by Blender ${blenderVersion.text}${subversion}, ${packed}${part}`;
  return [head, ...scenes.flatMap((scene) => describeScene(scene, scene.name === activeScene, cameras))].join(
    '\n',
  );
}

function describeScene(scene: SceneFacts, active: boolean, cameras: readonly SceneCameras[]): string[] {
  const names = cameras.find((one) => one.scene === scene.name)?.names ?? [];
  const { width, height } = frameResolution(scene);
  const { frameStart: start, frameEnd: end, frameStep: step } = scene;
  const rate = frameRateOf(scene.fps, scene.fpsBase);
  const range =
    step >= 1 && start <= end ? formatFrameRanges([{ start, end, step }]) : `${start}-${end}x${step}`;
  const facts = {
    frames: range,
    'frame rate': rate ? formatFrameRate(rate) : `${scene.fps} with base ${scene.fpsBase}`,
    resolution: `${width}×${height} (${scene.width}×${scene.height} at ${scene.resolutionPercent} %)`,
    engine: scene.engine,
    format: scene.outputFormat,
    output: scene.outputPath,
    camera: describeCamera(scene),
    cameras: names.length === 0 ? 'none' : names.join(', '),
    'view layers': scene.viewLayers.join(', '),
    'sound strips': scene.hasSoundStrips ? 'yes' : 'no',
    compositor: scene.usesCompositor ? 'yes' : 'no',
  };
  const rows = Object.entries(facts).map(([name, value]) => [name, printableName(value)] as const);
  const lines = describeRows(rows);
  return [`scene "${printableName(scene.name)}"${active ? ' (active)' : ''}`, ...lines];
}

function describeCamera({ hasCamera, markerCameras, usesSequencer }: SceneFacts): string {
  if (markerCameras) return 'switched by markers';
  if (hasCamera) return 'yes';
  return usesSequencer ? 'none (the sequencer renders)' : 'none';
}

export function addInspect(command: Command, run: Run): void {
  command
    .argument('<file>', '.blend file or s3://bucket/key')
    .addOption(renderOption('allowScripts', 'report what would happen if scripts were allowed'))
    .option('--json', 'print one JSON object')
    .action((file: string, flags: InspectFlags) => run(async () => inspectCommand(file, flags)));
  explain(command, {
    notes: 'The last line says whether the scene is ready to render.',
    exitCodes: [
      [0, 'the file was read; the output lists problems of the scene'],
      [1, 'the file could not be read'],
      [2, 'wrong usage'],
    ],
    examples: ['spotreel inspect shot.blend', 'spotreel inspect s3://bucket/uploads/shot.blend --json'],
  });
}
