import type { FoundDependency } from '../core/preflight/walk-dependencies';
import { printableName } from '../core/printable';
import { formatLocation } from '../core/storage/location';

/** What people call each state. */
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

/** A line for each file that a scene needs, or a sequence of them: `  ok       image //wood.png (image "Wood")`. */
export function describeDependencies(dependencies: readonly FoundDependency[]): string[] {
  if (dependencies.length === 0) return [];
  return ['files', ...dependencies.map(describeDependency)];
}

function describeDependency({ dependency, state, isAbsolute, files, library }: FoundDependency): string {
  const { kind, path, usedBy } = dependency;
  const users = usedBy.map(printableName).join(', ');
  const notes = [
    users,
    library === undefined ? '' : `by ${printableName(library)}`,
    files.length > 1 ? `${files.length} files` : '',
    state === 'found' && isAbsolute ? 'absolute' : '',
  ].filter(Boolean);
  const note = notes.length > 0 ? ` (${notes.join('; ')})` : '';
  return `  ${STATES[state].padEnd(11)}${kind} ${printableName(path)}${note}`;
}

/** The same for a program; `files` are those that it stands for. */
export function dependencyJson({ dependency, state, isAbsolute, location, files, library }: FoundDependency) {
  const { kind, extent, path, packed, usedBy } = dependency;
  const found = files.map((file) => ({ location: formatLocation(file.url), size: file.size }));
  return {
    kind,
    extent,
    path,
    packed,
    usedBy,
    library,
    location,
    state: STATES[state],
    absolute: isAbsolute,
    files: found,
  };
}
