import type { BlendContents, Dependency, SequencePlay, UnbakedSimulation } from './blend-contents';

/** Real films have some thousands; a file that was made to do harm shall not fill the memory. */
const MAX_ENTRIES = 1 << 16;
const MAX_CHARACTERS = 8 << 20;
const MAX_USERS = 8;

/** What is kept, counted. */
interface Load {
  entries: number;
  characters: number;
}

type Found = Omit<Dependency, 'usedBy' | 'linked'> & {
  readonly usedBy: string;
  readonly linked?: readonly string[];
};
type Collected = Dependency & { packed: boolean; readonly usedBy: string[]; plays?: readonly SequencePlay[] };

/** Collects what the parts find, and keeps it within bounds: past them it notes that it is `full`, and drops. */
export class Findings {
  readonly #dependencies: Collected[] = [];
  readonly #byPath = new Map<string, Collected[]>();
  readonly #unbaked = new Map<string, UnbakedSimulation>();
  readonly #texts = new Set<string>();
  readonly #modules = new Set<string>();
  readonly #outputs = new Set<string>();
  #driverExpressions = 0;
  #kept: Load = { entries: 0, characters: 0 };
  #keptForOwner: Load = { entries: 0, characters: 0 };
  #full = false;

  /** Whether something had to be dropped. */
  get full(): boolean {
    return this.#full;
  }

  /** To be asked before anything is kept that there may be any number of, here or in a part. */
  mayKeep(text = ''): boolean {
    return this.#add(this.#kept, text);
  }

  /** Like `mayKeep`, for one more name of something that is kept already. */
  mayKeepName(name: string): boolean {
    return this.#add(this.#kept, name, 0);
  }

  /** Like `mayKeep`, for what is dropped again when the owner ends. */
  mayKeepForOwner(text = ''): boolean {
    return this.#add(this.#keptForOwner, text);
  }

  /** All that was kept for it is dropped. */
  ownerEnds(): void {
    this.#keptForOwner = { entries: 0, characters: 0 };
  }

  /** A path that is empty is none. The same path is packed only if all who use it have packed it. */
  addDependency({ usedBy, ...found }: Found): void {
    if (found.path === '') return;
    const samePath = this.#byPath.get(found.path) ?? [];
    const known = samePath.find(({ kind, extent }) => kind === found.kind && extent === found.extent);
    if (known !== undefined) {
      known.packed &&= found.packed;
      const isNew = known.usedBy.length < MAX_USERS && !known.usedBy.includes(usedBy);
      if (isNew && this.mayKeepName(usedBy)) known.usedBy.push(usedBy);
    } else if (this.mayKeep(found.path + usedBy)) {
      const added = { ...found, usedBy: [usedBy] };
      this.#dependencies.push(added);
      this.#byPath.set(found.path, [...samePath, added]);
    }
  }

  /** How the image sequence at `path` is played; nothing where there is none. */
  addPlays(path: string | undefined, plays: readonly SequencePlay[]): void {
    const found = this.#byPath.get(path ?? '') ?? [];
    const sequence = found.find(({ kind, extent }) => kind === 'image' && extent === 'sequence');
    if (sequence) sequence.plays = [...(sequence.plays ?? []), ...plays];
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

  addDriverExpression(): void {
    this.#driverExpressions += 1;
  }

  addFileOutput(path: string): void {
    this.#addTo(this.#outputs, path);
  }

  contents(complete: boolean): BlendContents {
    return {
      dependencies: this.#dependencies,
      unbaked: [...this.#unbaked.values()],
      scripts: {
        texts: [...this.#texts],
        driverExpressions: this.#driverExpressions,
        freestyleModules: [...this.#modules],
      },
      fileOutputs: [...this.#outputs].map((path) => ({ path })),
      incomplete: !complete || this.#full,
    };
  }

  #addTo(set: Set<string>, text: string): void {
    if (!set.has(text) && this.mayKeep(text)) set.add(text);
  }

  #add(load: Load, text: string, entries = 1): boolean {
    if (load.entries + entries > MAX_ENTRIES || load.characters + text.length > MAX_CHARACTERS) {
      this.#full = true;
      return false;
    }
    load.entries += entries;
    load.characters += text.length;
    return true;
  }
}
