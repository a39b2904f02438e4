import type { DependencyKind } from '../blend/contents/blend-contents';
import { printableName } from '../printable';
import type { FindingCode } from './finding-codes';
import { missingSeverity } from './reach-severity';
import type { FoundDependency } from './dependencies';

/** What several files of a kind are called. */
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

/** Files that one sentence names. */
const MOST_NAMES = 5;

/**
 * One sentence for all missing files of a code that stop the render, by that code, where there are several: `3 images are missing: …`.
 * `fixes` says how each kind is fixed.
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
  const named = several.slice(0, MOST_NAMES).map(({ dependency: { path, usedBy } }) => {
    const [user] = usedBy;
    return `${printableName(path)}${user === undefined ? '' : ` (${printableName(user)})`}`;
  });
  const rest = several.length - named.length;
  const more = rest > 0 ? ` and ${rest} more` : '';
  return `${several.length} ${PLURALS[kind]} are missing: ${named.join(', ')}${more}: put them there, or ${fix}; --force renders without them`;
}
