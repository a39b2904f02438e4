import { BlendFormatError } from '../blend/blend-format-error';
import type { Reach, RenderedPart } from '../blend/contents/blend-contents';
import { formatLocation } from '../storage/location';
import type { FoundFile } from './find-files';
import type { LibraryData } from './library-data';
import type { FoundDependency, FoundLibrary, WalkPlace } from './dependencies';

/** A library that is there, to be read. */
interface UnreadLibrary {
  readonly file: FoundFile;
  readonly isLinked: boolean;
  readonly reach: Reach | undefined;
}

/** Libraries that are there and were not met before; notes them as met. */
export function unreadLibraries(
  found: readonly FoundDependency[],
  seen: Set<string>,
  data: LibraryData,
): UnreadLibrary[] {
  const unread: UnreadLibrary[] = [];
  for (const { dependency, files } of found) {
    const [file] = files;
    if (dependency.kind !== 'library' || !file) continue;
    data.add(formatLocation(file.url), dependency.linkedData);
    if (seen.has(file.url.href)) continue;
    seen.add(file.url.href);
    unread.push({ file, isLinked: (dependency.linked?.length ?? 0) > 0, reach: dependency.reach });
  }
  return unread;
}

/** Reads a library; a damaged one has a `fault`. Throws storage's errors. */
export async function readLibrary(
  { file, isLinked, reach }: UnreadLibrary,
  { storage, readContents }: WalkPlace,
  data: LibraryData,
): Promise<{ url: URL; path: string; library: FoundLibrary }> {
  const { url, path } = file;
  const location = formatLocation(url);
  const source = await storage.open(url);
  try {
    const part = data.take(location);
    const contents = await readContents(source, part);
    const lacking = (contents.lacking ?? []).map((name) => ({ name, reach: reachOf(name, part) }));
    return {
      url,
      path,
      library: { location, isLinked, reach, contents, ...(lacking.length > 0 && { lacking }) },
    };
  } catch (error) {
    if (!(error instanceof BlendFormatError)) throw error;
    return { url, path, library: { location, isLinked, reach, fault: error } };
  } finally {
    await source.close();
  }
}

function reachOf(name: string, part: RenderedPart | undefined): Reach {
  return (part && 'data' in part && part.data.get(name)) || 'maybe';
}
