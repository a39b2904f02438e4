import type { Reach } from '../core/blend/contents/blend-contents';
import type { FoundDependency } from '../core/preflight/dependencies';
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

/** Whether a frame needs the file; nothing of those that it surely needs. */
const REACHES: Readonly<Record<Reach, string>> = {
  rendered: '',
  maybe: 'may not be rendered',
  unused: 'not rendered',
};

/** A line for each file that a scene needs, or a sequence of them: `  ok       image //wood.png (image "Wood")`. */
export function describeDependencies(dependencies: readonly FoundDependency[]): string[] {
  if (dependencies.length === 0) return [];
  return ['files', ...dependencies.map(describeDependency)];
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

/** The same for a program; `files` are those that it stands for. */
export function dependencyJson({ dependency, state, isAbsolute, location, files, library }: FoundDependency) {
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
