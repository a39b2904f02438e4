import type { LinkedData } from '../blend/contents/blend-contents';
import { kindOfCode } from '../blend/contents/owner-of';
import { printableName } from '../printable';
import { compareBlenderVersions, formatBlenderVersion, type BlenderVersion } from '../render/blender-version';
import { finding, type PreflightFinding } from './findings';
import { reachSeverity } from './reach-severity';
import type { FoundLibrary } from './dependencies';

/** Names in one message. */
const MOST_NAMES = 5;

const FORCED = '--force renders without it';

/** What is wrong with libraries that are there, rendered by `blender` as far as that is known: pure. */
export function libraryFindings(
  libraries: readonly FoundLibrary[],
  blender: BlenderVersion | undefined,
): PreflightFinding[] {
  return libraries.flatMap((library) => {
    const newer = blender && tooNew(library, blender);
    return [unreadable(library), newer ?? lacking(library)].filter((one) => one !== undefined);
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

function lacking({ location, lacking: all = [] }: FoundLibrary): PreflightFinding | undefined {
  const needed = all.filter(({ reach }) => reach !== 'unused');
  const [first] = needed;
  if (!first) return undefined;
  const named = needed.slice(0, MOST_NAMES).map(nameOf).join(', ');
  const more = needed.length > MOST_NAMES ? ` and ${needed.length - MOST_NAMES} more` : '';
  const isOne = needed.length === 1;
  const are = isOne ? 'is' : 'are';
  const fix = isOne
    ? 'give it its name back in the library, or link it again'
    : 'give them their names back in the library, or link them again';
  const isSure = needed.some(({ reach }) => reach === 'rendered');
  const message = `${named}${more} ${are} missing from library ${printableName(location)}: ${fix}; ${FORCED}`;
  return finding('library-data-missing', message, undefined, isSure ? 'error' : 'warning');
}

/** `object "Tree"` of `OBTree`. */
function nameOf({ name }: LinkedData): string {
  return `${kindOfCode(name.slice(0, 2))} "${printableName(name.slice(2))}"`;
}
