import type { FileUser } from '../reach/edges';
import type { Reached } from '../reach/summary';
import type {
  BlendContents,
  Dependency,
  SceneCameras,
  SequencePlay,
  UnbakedSimulation,
} from './blend-contents';
import type { Fields } from './frugal-reader';

const MAX_USERS = 8;
const MAX_PLAYS = 8;
const MAX_RUNS = 1000;
const MAX_CACHES = 1000;

/** Counts of kept data. */
interface Load {
  entries: number;
  /** Bytes in V8. */
  textBytes: number;
}

/**
 * Real films have some thousands, and at most 20,000 files are looked up. A hostile file must not fill the memory; V8 needs
 * three times the kept bytes.
 */
export const ROOM: Readonly<Load> = { entries: 1 << 15, textBytes: 4 << 20 };

/** For use beside a packed file in memory. */
export const LITTLE_ROOM: Readonly<Load> = { entries: 1 << 13, textBytes: 1 << 20 };

const NOT_LATIN = /[^\0-\xff]/;

type Found = Omit<Dependency, 'usedBy' | 'linked'> & {
  readonly usedBy: string;
  readonly linked?: readonly string[];
  /** The address of a library. */
  readonly library?: bigint;
  /** Whether frames may not need it even if they show its data block. */
  readonly isSpare?: boolean;
};
type Collected = Dependency & {
  packed: boolean;
  readonly usedBy: string[];
  plays?: readonly SequencePlay[];
  runs?: Dependency['runs'];
  caches?: Dependency['caches'];
} & Reached;

/** Collects what the parts find, within bounds; past them it drops the rest and notes that. */
export class ContentsCollector {
  /** Called for each user of a kept file. */
  onUse?: (file: Reached, user: FileUser, library?: bigint) => void;
  readonly #dependencies: Collected[] = [];
  /** By kind and extent, then by path. */
  readonly #byPath = new Map<string, Map<string, Collected>>();
  readonly #unbaked = new Map<string, UnbakedSimulation>();
  readonly #texts = new Set<string>();
  readonly #modules = new Set<string>();
  readonly #unsafeNames = new Set<string>();
  readonly #scriptNodes = new Set<string>();
  readonly #outputs = new Set<string>();
  readonly #speakers = new Set<string>();
  readonly #cameras: SceneCameras[] = [];
  readonly #addonTrees = new Set<string>();
  readonly #denoiseNodes = new Set<string>();
  readonly #composites: Array<{ scene: string; from: readonly string[] }> = [];
  #driverExpressions = 0;
  #kept: Load = { entries: 0, textBytes: 0 };
  #keptForOwner: Load = { entries: 0, textBytes: 0 };
  #room = ROOM;
  #dropped = false;
  #full = false;

  /** Whether the room is used up, so that new data is dropped. */
  get isFull(): boolean {
    return this.#full;
  }

  /** Replaces `ROOM`; call it before anything is kept. */
  setRoom(room: Readonly<Load>): void {
    this.#room = room;
  }

  /** Call it before keeping anything of unlimited number, here or in a part. */
  mayKeep(text = ''): boolean {
    return this.#keep(text, 1);
  }

  /** Like `mayKeep`, for another name of a kept entry. */
  mayKeepName(name: string): boolean {
    return this.#keep(name, 0);
  }

  /** Like `mayKeep`, for data that is dropped when the owner ends. */
  mayKeepForOwner(text = ''): boolean {
    return this.#add(this.#keptForOwner, text, 1);
  }

  /** Drops everything kept for the owner. */
  ownerEnds(): void {
    this.#keptForOwner = { entries: 0, textBytes: 0 };
  }

  /** Ignores empty paths. A path is packed only if all its users have packed it. */
  addDependency({ usedBy, library, isSpare, ...found }: Found): void {
    if (found.path === '') return;
    const user = { label: usedBy, kind: found.kind, isSpare };
    const samePlace = this.#placeOf(found);
    const known = samePlace.get(found.path);
    if (known !== undefined) {
      known.packed &&= found.packed;
      if (found.plays) known.plays = [...(known.plays ?? []), ...found.plays].slice(0, MAX_PLAYS);
      if (found.caches && (known.caches?.length ?? 0) < MAX_CACHES && this.mayKeep(usedBy))
        known.caches = [...(known.caches ?? []), ...found.caches];
      if (found.runs) known.runs = [...(known.runs ?? []), ...found.runs].slice(0, MAX_RUNS);
      const isNew = known.usedBy.length < MAX_USERS && !known.usedBy.includes(usedBy);
      if (isNew && this.mayKeepName(usedBy)) known.usedBy.push(usedBy);
      this.onUse?.(known, user, library);
    } else if (this.mayKeep(found.path + usedBy)) {
      const added = { ...found, usedBy: [usedBy] };
      this.#dependencies.push(added);
      samePlace.set(found.path, added);
      this.onUse?.(added, user, library);
    }
  }

  /** Adds ways to play the image sequence at `path`; ignores unknown paths. */
  addPlays(path: string | undefined, plays: readonly SequencePlay[]): void {
    const sequence = this.#placeOf({ kind: 'image', extent: 'sequence' }).get(path ?? '');
    if (sequence) sequence.plays = [...(sequence.plays ?? []), ...plays].slice(0, MAX_PLAYS);
  }

  addUnbaked(kind: string, what: string): void {
    const key = `${kind} ${what}`;
    if (!this.#unbaked.has(key) && this.mayKeep(key + what)) this.#unbaked.set(key, { kind, what });
  }

  addText(name: string): void {
    this.#addTo(this.#texts, name);
  }

  addFreestyleModule(name: string): void {
    this.#addTo(this.#modules, name);
  }

  addUnsafeName(name: string): void {
    this.#addTo(this.#unsafeNames, name);
  }

  addScriptNode(user: string): void {
    this.#addTo(this.#scriptNodes, user);
  }

  addDriverExpression(): void {
    this.#driverExpressions += 1;
  }

  addFileOutput(path: string): void {
    this.#addTo(this.#outputs, path);
  }

  /** The names must be kept already. */
  addCameras(cameras: SceneCameras): void {
    this.#cameras.push(cameras);
  }

  addAddonTree(type: string): void {
    this.#addTo(this.#addonTrees, type);
  }

  addDenoiseNode(user: string): void {
    this.#addTo(this.#denoiseNodes, user);
  }

  addComposite(scene: string, from: readonly string[]): void {
    if (this.mayKeep(scene)) this.#composites.push({ scene, from });
  }

  addSpeaker(name: string): void {
    this.#addTo(this.#speakers, name);
  }

  /** `limit` names the limit that ended the reading early. */
  contents(limit?: string): BlendContents {
    const reached = limit ?? (this.#dropped ? `${this.#room.entries} entries in memory` : undefined);
    return {
      dependencies: this.#dependencies,
      unbaked: [...this.#unbaked.values()],
      scripts: {
        texts: [...this.#texts],
        driverExpressions: this.#driverExpressions,
        freestyleModules: [...this.#modules],
        unsafeNames: [...this.#unsafeNames],
        scriptNodes: [...this.#scriptNodes],
      },
      fileOutputs: [...this.#outputs].map((path) => ({ path })),
      cameras: this.#cameras,
      addonTrees: [...this.#addonTrees],
      denoiseNodes: [...this.#denoiseNodes],
      ...(this.#composites.length > 0 && { composites: this.#composites }),
      speakers: [...this.#speakers],
      incomplete: reached !== undefined,
      limit: reached,
    };
  }

  #placeOf({ kind, extent }: Pick<Dependency, 'kind' | 'extent'>): Map<string, Collected> {
    const key = `${kind} ${extent}`;
    const known = this.#byPath.get(key);
    if (known !== undefined) return known;
    const place = new Map<string, Collected>();
    this.#byPath.set(key, place);
    return place;
  }

  #addTo(set: Set<string>, text: string): void {
    if (!set.has(text) && this.mayKeep(text)) set.add(text);
  }

  #keep(text: string, entries: number): boolean {
    const keeps = this.#add(this.#kept, text, entries);
    this.#full ||= !keeps;
    return keeps;
  }

  #add(load: Load, text: string, entries: number): boolean {
    const textBytes = NOT_LATIN.test(text) ? 2 * text.length : text.length;
    if (load.entries + entries > this.#room.entries || load.textBytes + textBytes > this.#room.textBytes) {
      this.#dropped = true;
      return false;
    }
    load.entries += entries;
    load.textBytes += textBytes;
    return true;
  }
}

/**
 * The data block of a struct: it spans all blocks up to the next with a code of its own. Its texts are valid until the next
 * owner starts.
 */
export interface Owner {
  /** `OB`, `SC`, …; empty before the first owner. */
  readonly code: string;
  readonly address: bigint;
  /** In the artist's words, `object "Cube"`. */
  readonly label: string;
  /** `Cube`. */
  readonly name: string;
}

/** The place of a struct. */
export interface StructPlace {
  readonly owner: Owner;
  /** Other structs point to it. */
  readonly address: bigint;
  /** Address of its block; pointers to an array use it. */
  readonly blockAddress: bigint;
  /** Requests a text in a later block of the same owner: `take` is called when it comes. */
  readonly wantText: (address: bigint, take: (text: string) => void) => void;
}

/**
 * Finds one kind of thing in the structs of a file, which come in file order. Parts resolve pointers at the end: of the owner,
 * since addresses are unique only within one, or of the file, for addresses of owners.
 */
export interface ContentsPart {
  /** By name of the struct. */
  readonly structs: Readonly<Record<string, (fields: Fields, place: StructPlace) => void>>;
  /**
   * Called after the owner's last struct. Replace a filled `Map` rather than clear it: V8 links the old table to the new one,
   * and frees such chains late. A file may have 100,000 owners.
   */
  ownerEnds?(owner: Owner): void;
  /** Called after the last struct; `complete` is false if the file was not read to its end. */
  fileEnds?(complete: boolean): void;
}

/** `modifier "Cloth" of object "Cube"`; for any struct that starts with a `ModifierData`. */
export function modifierLabel(fields: Fields, owner: Owner): string {
  return `modifier "${fields.text('modifier.name')}" of ${owner.label}`;
}

/** `eModifierMode_Render` in Blender's `DNA_modifier_types.h`. Drivers that enable it are ignored. */
export function isRendered(fields: Fields): boolean {
  return (fields.number('modifier.mode') & 2) !== 0;
}
