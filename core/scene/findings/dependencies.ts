import {
  type BlenderVersion,
  compareBlenderVersions,
  formatBlenderVersion,
} from '../../render/blender-version';
import { MOST_DEPENDENCIES } from '../../render/manifest';
import { listNames, printableName } from '../../text';
import type { DependencyKind, LinkedData } from '../contents/blend-contents';
import { kindOfCode } from '../contents/walk';
import type { FoundDependency, FoundLibrary, ProjectFiles } from '../project/dependencies';
import {
  finding,
  type FindingCode,
  missingSeverity,
  type PreflightFinding,
  reachSeverity,
  ruleOf,
} from './codes';

/** Findings about existing libraries; `blender` is the one that renders, if known. Pure. */
function libraryFindings(
  libraries: readonly FoundLibrary[],
  blender: BlenderVersion | undefined,
): PreflightFinding[] {
  return libraries.flatMap((library) => {
    const newer = blender && tooNew(library, blender);
    return [unreadable(library), newer ?? lackingData(library)].filter((one) => one !== undefined);
  });
}

function unreadable({ location, fault: error, reach }: FoundLibrary): PreflightFinding | undefined {
  if (!error) return undefined;
  const message = `library ${printableName(location)} can't be read (${printableName(error.message)}): open it in Blender and save it, or upload it again`;
  return finding('library-unreadable', message, undefined, reachSeverity(reach));
}

function tooNew(
  { location, contents, reach }: FoundLibrary,
  blender: BlenderVersion,
): PreflightFinding | undefined {
  const version = contents?.blenderVersion;
  if (!version || reach === 'unused' || compareBlenderVersions(version, blender) <= 0) return undefined;
  const [needed, has] = [formatBlenderVersion(version), formatBlenderVersion(blender)];
  const message = `library ${printableName(location)} was saved by Blender ${needed}, and Blender ${has} renders: render with Blender ${needed} or newer, or save the library with Blender ${has}; ${FORCED}`;
  return finding('library-newer', message, undefined, reachSeverity(reach));
}

function lackingData({ location, lacking: all = [] }: FoundLibrary): PreflightFinding | undefined {
  const needed = all.filter(({ reach }) => reach !== 'unused');
  const [first] = needed;
  if (!first) return undefined;
  const named = listNames(needed.map(nameOf), MOST_NAMES);
  const isOne = needed.length === 1;
  const are = isOne ? 'is' : 'are';
  const fix = isOne
    ? 'restore its name in the library, or link it again'
    : 'restore their names in the library, or link them again';
  const isSure = needed.some(({ reach }) => reach === 'rendered');
  const message = `${named} ${are} missing from library ${printableName(location)}: ${fix}; ${FORCED}`;
  return finding('library-data-missing', message, undefined, isSure ? 'error' : 'warning');
}

/** `object "Tree"` of `OBTree`. */
function nameOf({ name }: LinkedData): string {
  return `${kindOfCode(name.slice(0, 2))} "${printableName(name.slice(2))}"`;
}

/** Where the scene renders: on this machine or on a farm. */
export type RenderPlace = 'here' | 'farm';

/** Users without a name in the file. */
const NAMES: Readonly<Record<DependencyKind, string>> = {
  image: 'an image',
  library: 'a linked library',
  font: 'a font',
  sound: 'a sound',
  'movie-clip': 'a movie clip',
  volume: 'a volume',
  'cache-file': 'an Alembic or USD file',
  'mesh-cache': 'a Mesh Cache modifier',
  'ocean-cache': 'an Ocean modifier',
  'fluid-cache': 'a fluid',
  'point-cache': 'a simulation',
  bake: 'a bake of geometry nodes',
  strip: 'a strip of the sequencer',
  'custom-data': 'data of a mesh',
  import: 'an Import node',
  ies: 'an IES texture',
  osl: 'an OSL script',
  ocio: 'the OCIO configuration',
};

/** Names that one message lists. */
const MOST_NAMES = 5;

const FORCED = '--force renders without it';

const BAKED = 'bake it again and save the .blend';
const FIND = 'choose it again by File > External Data > Find Missing Files';
const PACK = `${FIND}, or pack it (File > External Data > Pack Resources)`;

/** How to fix a missing file in Blender, besides putting it back. */
export const FIXES: Readonly<Record<DependencyKind, string>> = {
  image: PACK,
  library: 'relocate it (Outliner > Blender File, right click on it > ID Data > Relocate)',
  font: PACK,
  sound: PACK,
  'movie-clip': FIND,
  volume: PACK,
  'cache-file': 'choose it again in the Mesh Sequence Cache modifier or constraint',
  'mesh-cache': 'choose it again in Modifier Properties > Mesh Cache',
  'ocean-cache': `${BAKED} (Modifier Properties > Ocean > Bake)`,
  'fluid-cache': `${BAKED} (Physics Properties > Fluid > Cache)`,
  'point-cache': `${BAKED} (Physics Properties > Cache)`,
  bake: `${BAKED} (Physics Properties > Simulation Nodes)`,
  strip: 'choose it again in the Sequencer (Strip > Source)',
  'custom-data': 'save it again in Modifier Properties > Multiresolution > Shape, or pack it there',
  import: 'choose it again in the Import node (Geometry Node Editor) or in the inputs of the modifier',
  ies: 'choose it again in the IES Texture node, or take an internal text',
  osl: 'choose it again in the Script node, or take an internal text',
  ocio: 'correct its path in the configuration',
};

/** Findings about the files that a scene needs; `blender` is the one that renders, if known. Pure. */
export function dependencyFindings(
  { dependencies, libraries, isCut }: ProjectFiles,
  place: RenderPlace,
  blender?: BlenderVersion,
): PreflightFinding[] {
  const findings = [
    ...dependencies.flatMap((found) => judge(found, place) ?? []),
    ...dependencies.flatMap((found) => someAbsent(found) ?? []),
    ...dependencies.flatMap((found) => someLacking(found) ?? []),
    ...dependencies.flatMap((found) => someUseless(found) ?? []),
    ...dependencies.flatMap((found) => someRefused(found) ?? []),
    ...libraryFindings(libraries, blender),
  ];
  if (isCut) {
    const message = 'the scene needs more libraries or folders than Spotreel checks; the rest is unchecked';
    findings.push(finding('files-unread', message));
  }
  return [...findings, ...tooMany(dependencies)];
}

function tooMany(dependencies: readonly FoundDependency[]): PreflightFinding[] {
  const count = new Set(dependencies.flatMap(({ files }) => files.map(({ path }) => path))).size;
  if (count <= MOST_DEPENDENCIES) return [];
  const message = `the scene needs ${count} files, more than the ${MOST_DEPENDENCIES} that a render may have: pack images into fewer files, or render fewer caches and sequences at once`;
  return [finding('too-many-files', message)];
}

function judge(found: FoundDependency, place: RenderPlace): PreflightFinding | undefined {
  const { dependency, state, isAbsolute, isOtherForm } = found;
  if (state === 'packed') return undefined;
  if (isOtherForm && place === 'here') return otherForm(found);
  if (state === 'found') return isAbsolute ? absoluteFound(found, place) : undefined;
  const [code, what, fix] = fault(found);
  const isLibrary = dependency.kind === 'library' && state !== 'forbidden';
  const finalCode = isLibrary ? 'library-missing' : code;
  return missingFinding(finalCode, `${subject(found)} ${what}: ${fix}`, found);
}

/** A finding with the severity of the file's reach, unless the code always stops the render. */
function missingFinding(
  code: FindingCode,
  message: string,
  { dependency }: FoundDependency,
): PreflightFinding {
  const { severity: usual, mayBeForced } = ruleOf(code);
  const mayDiffer = mayBeForced || usual === 'warning';
  const severity = (mayDiffer && missingSeverity(dependency)) || usual;
  const forced = severity === 'error' && mayBeForced ? `; ${FORCED}` : '';
  return finding(code, `${message}${forced}`, dependency.path, severity);
}

/** Some files of a sequence or of tiles are missing. */
function someAbsent(found: FoundDependency): PreflightFinding | undefined {
  const { dependency, absent } = found;
  const needs = needOf(found);
  if (absent.length === 0) return undefined;
  const named = listNames(absent.map(printableName), MOST_NAMES);
  const are = absent.length > 1 ? 'which are' : 'which is';
  const message = `${subject(found)} ${needs} ${printableName(dependency.path)} with ${named}, ${are} missing: put the missing files there, or ${FIXES[dependency.kind]}`;
  // It is unknown which of them a frame needs: the worker checks each frame.
  const severity = dependency.reach === 'unused' ? 'note' : 'warning';
  return finding(`${dependency.kind}-missing`, message, dependency.path, severity);
}

/** Frames are missing from disk caches of simulations. */
function someLacking({ dependency, lacking = [] }: FoundDependency): PreflightFinding | undefined {
  if (lacking.length === 0) return undefined;
  const named = lacking.slice(0, MOST_NAMES).map(printableName).join(', ');
  const more = lacking.length > MOST_NAMES ? ` and of ${lacking.length - MOST_NAMES} more` : '';
  const message = `the disk cache ${printableName(dependency.path)} is incomplete: ${named}${more} missing; ${FIXES[dependency.kind]}`;
  return finding(`${dependency.kind}-missing`, message, dependency.path);
}

/** Files that exist, but are empty, damaged or Git LFS pointers. */
function someUseless(found: FoundDependency): PreflightFinding | undefined {
  const { dependency, refused = [], faults = [] } = found;
  const [first, ...others] = faults.filter(
    ({ location }) => !refused.some((one) => one.location === location),
  );
  if (!first) return undefined;
  const more = others.length > 0 ? `, and ${others.length} more of its files are unusable` : '';
  const message = `${subject(found)} ${needOf(found)} ${printableName(dependency.path)}, and ${printableName(first.location)} ${first.why}${more}; replace it with an intact file, or ${FIXES[dependency.kind]}`;
  // A frame may need only the other files: the worker checks each frame.
  if (dependency.extent === 'file') return missingFinding(`${dependency.kind}-missing`, message, found);
  const severity = dependency.reach === 'unused' ? 'note' : 'warning';
  return finding(`${dependency.kind}-missing`, message, dependency.path, severity);
}

/** Files that exist, but are never uploaded. */
function someRefused(found: FoundDependency): PreflightFinding | undefined {
  const { dependency, refused = [] } = found;
  const [first] = refused;
  if (!first) return undefined;
  const named = listNames([printableName(first.location)], 1, refused.length);
  const message = `${subject(found)} ${needOf(found)} ${printableName(dependency.path)}, and Spotreel does not upload ${named}: ${first.why}; if it is an asset, pack it, or give it a usual name in the scene's folder and choose it again`;
  const severity = dependency.reach === 'unused' ? 'note' : undefined;
  return finding('upload-refused', message, dependency.path, severity);
}

function absoluteFound(found: FoundDependency, place: RenderPlace): PreflightFinding {
  const { kind, path } = found.dependency;
  const needs = needOf(found);
  const where = `${subject(found)} ${needs} ${printableName(path)}, which exists on this machine only`;
  if (place === 'here')
    return finding('absolute-path-found', `${where}: ${RELATIVE} to render elsewhere`, path);
  return missingFinding(
    kind === 'library' ? 'library-missing' : 'absolute-path',
    `${where}: ${RELATIVE}`,
    found,
  );
}

/** Renders elsewhere get their files under the names in the scene. */
function otherForm(found: FoundDependency): PreflightFinding {
  const { kind, path } = found.dependency;
  const message = `${subject(found)} ${needOf(found)} ${printableName(path)}, but the name on this disk has another Unicode form (such as e and an accent for é), which is another name on Linux: rename the file or folder as in the scene, or choose it again in Blender`;
  return missingFinding(kind === 'library' ? 'library-missing' : 'unicode-form', message, found);
}

const RELATIVE = 'put it into the folder of the .blend and choose File > External Data > Make Paths Relative';

/** The code, what is wrong, and how to fix it. */
function fault(found: FoundDependency): [code: FindingCode, what: string, fix: string] {
  const { dependency, state, location, otherCase } = found;
  const written = printableName(dependency.path);
  const needs = needOf(found);
  switch (state) {
    case 'absolute':
      return ['absolute-path', `${needs} ${written}, which exists on one machine only`, RELATIVE];
    case 'network':
      return ['network-path', `${needs} ${written}, which exists in one network only`, RELATIVE];
    case 'outside':
      return ['outside-project', `${needs} ${written}, which leads out of the project's folder`, RELATIVE];
    case 'no-project':
      return [
        'outside-project',
        `${needs} ${written}, but a scene in no project's folder may read only itself`,
        'put the scene and its files into uploads/<project>/, or pack them',
      ];
    case 'forbidden':
      return [
        'outside-upload',
        `${needs} ${written}, but a scene in a watch folder may read only the files of its project's folder, uploads/<project>/`,
        'put it there and choose File > External Data > Make Paths Relative, or pack it',
      ];
    case 'no-file':
      return [
        `${dependency.kind}-missing`,
        `${needs} ${written}, which is a folder, pipe or device, not a file`,
        FIXES[dependency.kind],
      ];
    case 'unanchored':
      return ['unanchored-path', `${needs} ${written}, which is relative to no known folder`, RELATIVE];
    case 'other-case':
      return [
        'letter-case',
        `${needs} ${written}, but the name there is ${printableName(otherCase ?? '')}, which is another name on Linux`,
        'use the same capital and small letters in both',
      ];
    default: {
      const place = location === undefined ? '' : ` (${printableName(location)})`;
      const fix = `put it there, or ${FIXES[dependency.kind]}`;
      return [`${dependency.kind}-missing`, `${needs} ${written}, which is missing${place}`, fix];
    }
  }
}

function needOf({ dependency: { usedBy } }: FoundDependency): string {
  return usedBy.length > 1 ? 'need' : 'needs';
}

/** `image "Wood" and 2 others of library lib/props.blend`. */
function subject({ dependency, library }: FoundDependency): string {
  const [user = NAMES[dependency.kind], ...others] = dependency.usedBy;
  const more = others.length > 0 ? ` and ${others.length} ${others.length > 1 ? 'others' : 'other'}` : '';
  const of = library === undefined ? '' : ` of library ${printableName(library)}`;
  return `${printableName(user)}${more}${of}`;
}

/** Plural nouns for the files of a kind. */
const PLURALS: Readonly<Record<DependencyKind, string>> = {
  image: 'images',
  library: 'libraries',
  font: 'fonts',
  sound: 'sounds',
  'movie-clip': 'movie clips',
  volume: 'volumes',
  'cache-file': 'Alembic or USD files',
  'mesh-cache': 'mesh caches',
  'ocean-cache': 'ocean caches',
  'fluid-cache': 'fluid caches',
  'point-cache': 'simulation caches',
  bake: 'bakes of geometry nodes',
  strip: 'files of the sequencer',
  'custom-data': 'files of mesh data',
  ies: 'IES files',
  import: 'files of Import nodes',
  osl: 'OSL scripts',
  ocio: 'files of the OCIO configuration',
};

/**
 * One sentence per code for two or more missing files that stop the render: `3 images are missing: …`. `fixes` has the fix for
 * each kind.
 */
export function groupMissing(
  dependencies: readonly FoundDependency[],
  fixes: Readonly<Record<DependencyKind, string>>,
): Map<FindingCode, string> {
  const missing = dependencies.filter(
    ({ dependency, state }) =>
      (state === 'missing' || state === 'no-file') && missingSeverity(dependency) === 'error',
  );
  const byKind = new Map<DependencyKind, FoundDependency[]>();
  for (const found of missing) {
    const { kind } = found.dependency;
    const known = byKind.get(kind);
    if (known) known.push(found);
    else byKind.set(kind, [found]);
  }
  const sentences = [...byKind].flatMap(([kind, several]) =>
    several.length < 2 ? [] : [[`${kind}-missing` as const, sentence(kind, several, fixes[kind])] as const],
  );
  return new Map(sentences);
}

function sentence(kind: DependencyKind, several: readonly FoundDependency[], fix: string): string {
  const named = several.map(({ dependency: { path, usedBy } }) => {
    const [user] = usedBy;
    return `${printableName(path)}${user === undefined ? '' : ` (${printableName(user)})`}`;
  });
  return `${several.length} ${PLURALS[kind]} are missing: ${listNames(named, MOST_NAMES)}: put them there, or ${fix}; --force renders without them`;
}
