import { isProjectPath, MOST_DEPENDENCIES } from '../../render/manifest';
import {
  bucketAndKey,
  childUrl,
  filePath,
  type FolderEntry,
  type ObjectInfo,
  type Storage,
  StorageError,
} from '../../storage/storage';
import type { DependencyExtent } from '../contents/blend-contents';
import {
  byForm,
  commonForm,
  commonStart,
  folderAt,
  hasForms,
  namePattern,
  type NamePattern,
  type ProjectRoot,
} from './paths';

/** Entries listed in a folder, in a bucket 1,000 per request, before names are looked up one by one. */
const MOST_LISTED = 50_000;

/** Folders listed for one scene: each is a request, and a hostile scene can name any number. */
const MOST_FOLDERS = 5_000;

/** A listed file. */
interface ListedFile {
  readonly url: URL;
  /** Bytes. */
  readonly size: number;
  /** ISO 8601. */
  readonly modified: string;
  /** If the listing has it; not on a disk. */
  readonly etag?: string;
}

/** The direct contents of a folder. */
interface FolderListing {
  readonly files: ReadonlyMap<string, ListedFile>;
  /** Names of its subfolders; in buckets, only non-empty ones. */
  readonly folders: readonly string[];
  /** Whether the list was cut off. */
  readonly isCut: boolean;
}

const NOTHING: FolderListing = { files: new Map(), folders: [], isCut: false };

/** Lists folders through storage, each once, for any number of files. */
class FolderListings {
  /** Whether folders were skipped and count as empty. */
  isCut = false;
  private readonly known = new Map<string, Promise<FolderListing>>();

  constructor(
    private readonly storage: Storage,
    private readonly mostListed = MOST_LISTED,
    private readonly mostFolders = MOST_FOLDERS,
  ) {}

  /**
   * The listing of `folder`, which ends in `/`; a missing folder is empty. Only names that start with `wanted` are listed if
   * the folder has too many.
   */
  async of(folder: URL, wanted: string): Promise<FolderListing> {
    const whole = await this.remember(folder.href, () => this.look(folder, this.storage.listFolder(folder)));
    if (!whole.isCut || wanted === '') return whole;
    const url = childUrl(folder, wanted);
    return this.remember(url.href, () => this.look(folder, entriesBelow(url, folder, this.storage)));
  }

  private remember(key: string, look: () => Promise<FolderListing>): Promise<FolderListing> {
    const known = this.known.get(key);
    if (known) return known;
    if (this.known.size >= this.mostFolders) {
      this.isCut = true;
      return Promise.resolve(NOTHING);
    }
    const listing = look();
    this.known.set(key, listing);
    return listing;
  }

  private async look(folder: URL, entries: AsyncIterable<FolderEntry>): Promise<FolderListing> {
    const files = new Map<string, ListedFile>();
    const folders = new Set<string>();
    let count = 0;
    for await (const { name, object, fault } of orNothing(entries, folder)) {
      if (fault) continue;
      count += 1;
      if (count > this.mostListed) return { files, folders: [...folders], isCut: true };
      if (object) files.set(name, listedFile(object));
      else folders.add(name);
    }
    return { files, folders: [...folders], isCut: false };
  }
}

/** All files below `folder`, at any depth. */
function listBelow(folder: URL, storage: Storage): AsyncGenerator<ObjectInfo> {
  return orNothing(storage.list(folder), folder);
}

function listedFile({ url, size, lastModified, etag }: ObjectInfo): ListedFile {
  return { url, size, modified: lastModified.toISOString(), etag };
}

/** Direct contents of `folder` that start with `prefix`. */
async function* entriesBelow(prefix: URL, folder: URL, storage: Storage): AsyncGenerator<FolderEntry> {
  const start = pathOf(folder).length;
  for await (const object of storage.list(prefix)) {
    const name = pathOf(object.url).slice(start);
    if (!name.includes('/')) yield { name, object };
  }
}

function pathOf(url: URL): string {
  return url.protocol === 'file:' ? filePath(url) : bucketAndKey(url).key;
}

/** Treats impossible paths, and unreadable places on a disk, as empty. */
async function* orNothing<T>(entries: AsyncIterable<T>, folder: URL): AsyncGenerator<T> {
  try {
    yield* entries;
  } catch (error) {
    const isNowhere =
      error instanceof StorageError && (error.code === 'bad-url' || folder.protocol === 'file:');
    if (!isNowhere) throw error;
  }
}

/** Files kept for one folder: one more than a render may have. */
const MOST_IN_FOLDER = MOST_DEPENDENCIES + 1;

/** Files below all folders of a scene; a path such as `//../../` can name a whole disk. */
const MOST_BELOW = 200_000;

/** Files of all sequences and tiles of a scene, and names of missing ones. All are kept in memory. */
const MOST_NUMBERED = 200_000;
const MOST_ABSENT = 100_000;

/** An existing file that a scene needs. */
export interface FoundFile extends ListedFile {
  /** Its path from the project's root, joined by `/`, as in the scene: `url` may have another Unicode form. */
  readonly path: string;
}

/** The files at a path. */
export interface FoundFiles {
  /** Sorted by name; empty if missing. */
  readonly files: readonly FoundFile[];
  /** Paths of missing files of the set. */
  readonly absent: readonly string[];
  /** An existing name that differs only in capital and small letters. */
  readonly otherCase?: string;
  /** Whether the files exist only in another Unicode form of the path. */
  readonly isOtherForm?: true;
}

interface FinderLimits {
  readonly mostListed?: number;
  readonly mostFolders?: number;
  readonly mostBelow?: number;
  readonly mostNumbered?: number;
  readonly mostAbsent?: number;
}

/** Finds files of a project through storage; lists each folder once. */
export class FileFinder {
  private readonly listings: FolderListings;
  /** Names of files by their common Unicode form. */
  private readonly forms = new WeakMap<FolderListing, ReadonlyMap<string, string>>();
  /** Remaining files below folders. */
  private left: number;
  private numberedLeft: number;
  private absentLeft: number;

  constructor(
    private readonly storage: Storage,
    private readonly root: ProjectRoot,
    limits: FinderLimits = {},
  ) {
    this.listings = new FolderListings(storage, limits.mostListed, limits.mostFolders);
    this.left = limits.mostBelow ?? MOST_BELOW;
    this.numberedLeft = limits.mostNumbered ?? MOST_NUMBERED;
    this.absentLeft = limits.mostAbsent ?? MOST_ABSENT;
  }

  /** Whether a limit was reached; the rest counts as missing. */
  get isCut(): boolean {
    return this.listings.isCut || Math.min(this.left, this.numberedLeft, this.absentLeft) < 0;
  }

  /**
   * The files at `segments` below the project's root: one for `file`, else several. `numbers`: of tiles or pictures. Below a
   * folder, only paths for which `isWanted` returns true.
   */
  async find(
    segments: readonly string[],
    extent: DependencyExtent,
    numbers?: readonly number[],
    isWanted: (path: string) => boolean = () => true,
  ): Promise<FoundFiles> {
    const found = await (extent === 'folder'
      ? this.below(segments, segments, isWanted)
      : this.named(segments, extent, numbers));
    if (found.files.length > 0 || !hasForms(segments.join('/'))) return found;
    const other = await (extent === 'folder'
      ? this.below(segments, await this.spelledThere(segments), isWanted)
      : this.inOtherForm(segments, extent, numbers));
    return other.files.length > 0 ? { ...other, isOtherForm: true } : found;
  }

  private async named(
    segments: readonly string[],
    extent: DependencyExtent,
    numbers?: readonly number[],
  ): Promise<FoundFiles> {
    const folder = segments.slice(0, -1);
    const name = segments.at(-1)!;
    const pattern = namePattern(name, extent);
    const listing = await this.listings.of(folderAt(folder, this.root), pattern.start);
    const names = this.namesOf(name, extent, pattern, listing.files);
    const there = names.map((found) => ({
      ...listing.files.get(found)!,
      path: [...folder, found].join('/'),
    }));
    if (there.length > 0) {
      const absent = this.absentOf(pattern, names, numbers).map((missing) => [...folder, missing].join('/'));
      return { files: there, absent };
    }
    return {
      files: [],
      absent: [],
      otherCase: await this.otherCase(folder, pattern, [...listing.files.keys()]),
    };
  }

  /** Files whose names differ only in Unicode form. */
  private async inOtherForm(
    segments: readonly string[],
    extent: DependencyExtent,
    numbers?: readonly number[],
  ): Promise<FoundFiles> {
    const folder = segments.slice(0, -1);
    const name = segments.at(-1)!;
    const pattern = namePattern(name, extent);
    const form = namePattern(commonForm(name), extent);
    const there = await this.spelledThere(folder);
    const listing = await this.listings.of(folderAt(there, this.root), commonStart(pattern.start));
    const forms = this.formsIn(listing);
    const found = this.namesOf(commonForm(name), extent, form, forms);
    // Only digits are between the start and end of a name.
    const written = found.map(
      (one) => pattern.start + one.slice(form.start.length, one.length - form.end.length) + pattern.end,
    );
    const absent = this.absentOf(pattern, written, numbers);
    return {
      files: found.map((one, index) => ({
        ...listing.files.get(forms.get(one)!)!,
        path: [...folder, written[index]].join('/'),
      })),
      absent: absent.map((missing) => [...folder, missing].join('/')),
    };
  }

  private formsIn(listing: FolderListing): ReadonlyMap<string, string> {
    const forms = this.forms.get(listing) ?? byForm(listing.files.keys());
    this.forms.set(listing, forms);
    return forms;
  }

  /** The folder at `segments`, with the names that exist. */
  private async spelledThere(segments: readonly string[]): Promise<string[]> {
    const there: string[] = [];
    for (const segment of segments) {
      const isPlain = !hasForms(segment);
      const { folders } = isPlain
        ? { folders: [] as string[] }
        : await this.listings.of(folderAt(there, this.root), commonStart(segment));
      const isThere = isPlain || folders.includes(segment);
      const form = commonForm(segment);
      there.push((isThere ? undefined : folders.find((one) => commonForm(one) === form)) ?? segment);
    }
    return there;
  }

  private namesOf(
    name: string,
    extent: DependencyExtent,
    pattern: NamePattern,
    files: ReadonlyMap<string, unknown>,
  ): string[] {
    if (extent === 'file' && pattern.start === name) return files.has(name) ? [name] : [];
    if (this.numberedLeft < 0) return [];
    const names = [...files.keys()].filter(pattern.matches).toSorted();
    this.numberedLeft -= names.length;
    return names;
  }

  private absentOf(
    pattern: NamePattern,
    names: readonly string[],
    numbers: readonly number[] | undefined,
  ): string[] {
    const absent = this.absentLeft < 0 ? [] : pattern.absent(names, numbers);
    this.absentLeft -= absent.length;
    return absent;
  }

  /** Another spelling of the name, or else of its folder. */
  private async otherCase(
    folder: readonly string[],
    pattern: NamePattern,
    names: readonly string[],
  ): Promise<string | undefined> {
    const name = names.find(pattern.resembles);
    if (name !== undefined || folder.length === 0) return name;
    const wanted = folder.at(-1)!;
    const { folders } = await this.listings.of(folderAt(folder.slice(0, -1), this.root), wanted);
    const found = folders.find((other) => other !== wanted && sameLetters(other, wanted));
    return found === undefined ? undefined : `${found}/`;
  }

  /** Files below the folder at `there`, with paths as if it were `segments`. */
  private async below(
    segments: readonly string[],
    there: readonly string[],
    isWanted: (path: string) => boolean,
  ): Promise<FoundFiles> {
    const folder = folderAt(there, this.root);
    const listed: FoundFile[] = [];
    for await (const object of listBelow(folder, this.storage)) {
      this.left -= 1;
      if (this.left < 0) break;
      const path = [...segments, decodeURIComponent(object.url.pathname.slice(folder.pathname.length))].join(
        '/',
      );
      if (isProjectPath(path) && isWanted(path)) listed.push({ ...listedFile(object), path });
      if (listed.length === MOST_IN_FOLDER) break;
    }
    return { files: listed, absent: [] };
  }
}

function sameLetters(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
