import type { CacheFrames } from './blend-contents';
import type { ContentsPart, Findings, Owner } from './findings';

/** `PointCache.flag` in Blender's `DNA_pointcache_types.h`. */
const BAKED = 1 << 0;
const ON_DISK = 1 << 6;
const EXTERNAL = 1 << 9;

interface Cache {
  readonly flag: number;
  readonly path: string;
  readonly name: string;
  readonly index: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** Something that keeps its frames in a point cache. */
export interface CacheUser {
  /** In what it calls itself, as for `usedBy`. */
  readonly label: string;
  /** Addresses of the cache, by the members that have had it; the first that leads to one counts. */
  readonly caches: readonly bigint[];
  /** Told once, at the end of the owner: whether all frames are there without simulating. */
  readonly settle: (baked: boolean) => void;
}

/**
 * The point caches of cloth, particles and others. A cache within the file or in the folder that Blender derives from
 * the file's name holds only if it was baked: what playing an animation leaves there may be any part of it. One that
 * is set to be external holds as it is.
 */
export class PointCaches implements ContentsPart {
  readonly #findings: Findings;
  readonly #folder: string;
  #caches = new Map<bigint, Cache>();
  #users: CacheUser[] = [];

  /** `blendName` is the file's name: its disk caches lie in `blendcache_<name>` beside it. */
  constructor(findings: Findings, blendName: string) {
    this.#findings = findings;
    this.#folder = `//blendcache_${blendName.replace(/\.blend$/i, '')}/`;
  }

  readonly structs: ContentsPart['structs'] = {
    PointCache: (fields, { address }) => {
      const path = fields.text('path');
      if (this.#findings.mayKeepForOwner(path))
        this.#caches.set(address, {
          flag: fields.number('flag'),
          path,
          name: fields.text('name'),
          index: fields.number('index') | 0,
          start: fields.number('startframe') | 0,
          end: fields.number('endframe') | 0,
          step: Math.max(fields.number('step') | 0, 1),
        });
    },
  };

  addUser(user: CacheUser): void {
    if (this.#findings.mayKeepForOwner(user.label)) this.#users.push(user);
  }

  ownerEnds(owner: Owner): void {
    const users = new Map<Cache, string>();
    for (const { label, caches, settle } of this.#users) {
      const cache = caches.map((address) => this.#caches.get(address)).find((found) => found !== undefined);
      if (cache !== undefined) users.set(cache, label);
      settle(cache !== undefined && (cache.flag & (BAKED | EXTERNAL)) !== 0);
    }
    for (const cache of this.#caches.values()) this.#addFolder(cache, users.get(cache), owner);
    this.#users = [];
    this.#caches = new Map();
  }

  /** Without a user, such as a painted image, what files there should be is unknown. */
  #addFolder(cache: Cache, user: string | undefined, owner: Owner): void {
    const usedBy = user ?? owner.label;
    const { flag, path } = cache;
    const isExternal = (flag & EXTERNAL) !== 0;
    if (!isExternal && (flag & (ON_DISK | BAKED)) !== (ON_DISK | BAKED)) return;
    this.#findings.addDependency({
      kind: 'point-cache',
      extent: 'folder',
      path: isExternal ? path : this.#folder,
      packed: false,
      usedBy,
      ...(user !== undefined &&
        !isExternal &&
        owner.code === 'OB' &&
        cache.index >= 0 && { caches: [framesOf(cache, usedBy, owner)] }),
    });
  }
}

/** As `ptcache_filename` in Blender's pointcache.cc names them: by the cache's own name, else by the object's in hexadecimal. */
function framesOf({ name, index, start, end, step }: Cache, usedBy: string, owner: Owner): CacheFrames {
  const head = name === '' ? hexadecimal(owner.name) : name;
  return { usedBy, head: `${head}_`, tail: `_${String(index).padStart(2, '0')}.bphys`, start, end, step };
}

/** Blender writes a byte that is no ASCII as a negative number of 32 bits. */
function hexadecimal(name: string): string {
  const digits = [...Buffer.from(name)].map((byte) => {
    const text = byte.toString(16).toUpperCase().padStart(2, '0');
    return byte < 0x80 ? text : `FFFFFF${text}`;
  });
  return digits.join('');
}
