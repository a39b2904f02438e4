import type { DependencyExtent } from '../blend/contents/blend-contents';
import { MOST_DEPENDENCIES } from '../contract/manifest';
import { isProjectPath } from '../contract/project-path';
import type { Storage } from '../storage/storage';
import {
  FolderListings,
  listBelow,
  listedFile,
  type FolderListing,
  type ListedFile,
} from './folder-listings';
import { namePattern, type NamePattern } from './name-pattern';
import { folderAt, type ProjectRoot } from './project-root';
import { byForm, commonForm, commonStart, hasForms } from './unicode-forms';

/** Files of one folder that are kept: one more than a render may have is too many already. */
const MOST_IN_FOLDER = MOST_DEPENDENCIES + 1;

/** Files below all folders of a scene together that are looked at; a path such as `//../../` can name a whole disk. */
const MOST_BELOW = 200_000;

/** Files that all sequences and tiles of a scene stand for together, and names of them that are missing. Each is kept. */
const MOST_NUMBERED = 200_000;
const MOST_ABSENT = 100_000;

/** A file that a scene needs, as it lies there. */
export interface FoundFile extends ListedFile {
  /** From the project's root, joined by `/`, as the scene spells it: `url` may have another Unicode form. */
  readonly path: string;
}

/** What lies where a path leads. */
export interface FoundFiles {
  /** In the order of their names; none where it is missing. */
  readonly files: readonly FoundFile[];
  /** Paths of those that should be among them and are not. */
  readonly absent: readonly string[];
  /** A name that is there and differs only in capital and small letters. */
  readonly otherCase?: string | undefined;
  /** Whether the files are there by another Unicode form of the path only. */
  readonly isOtherForm?: true;
}

interface FinderLimits {
  readonly mostListed?: number;
  readonly mostFolders?: number;
  readonly mostBelow?: number;
  readonly mostNumbered?: number;
  readonly mostAbsent?: number;
}

/** Finds files of a project through storage; looks into each folder once. */
export class FileFinder {
  private readonly listings: FolderListings;
  /** Names of files by their common form. */
  private readonly forms = new WeakMap<FolderListing, ReadonlyMap<string, string>>();
  /** Files below folders that may still be looked at. */
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

  /** Whether there was more than is looked at; the rest counts as missing. */
  get isCut(): boolean {
    return this.listings.isCut || Math.min(this.left, this.numberedLeft, this.absentLeft) < 0;
  }

  /** The files at `segments` below the project's root, of which there are several but for `file`; `numbers` of tiles or pictures. Below a folder only those that `isWanted` by their path. */
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

  /** The files whose names differ from the written ones in their Unicode form only. */
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
    // Between its start and its end a name has digits only.
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

  /** The folder at `segments` by the names that the folders have there. */
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

  /** Another spelling of the name, or, where it is the same, of the folder that it should lie in. */
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

  /** What lies below the folder at `there`, as if that were called `segments`. */
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
