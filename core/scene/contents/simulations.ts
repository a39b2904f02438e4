import type { CacheFrames } from './blend-contents';
import {
  type ContentsPart,
  type ContentsCollector,
  isRendered,
  modifierLabel,
  type Owner,
  type StructPlace,
} from './collector';
import type { Fields } from './frugal-reader';

/** `FluidDomainSettings.type` and `.cache_flag` in Blender's `DNA_fluid_types.h`: a flag for each kind of data. */
const GAS = 0;
const BAKED_DATA = 1 << 1;
const BAKED_ANY = BAKED_DATA | (1 << 3) | (1 << 5) | (1 << 7) | (1 << 9);

/**
 * Domains of smoke and liquids since 2.82, whose frames are in a folder. Playback frames of the type "Replay" do not count: the
 * file does not list them.
 */
export function fluidDomains(collector: ContentsCollector): ContentsPart {
  let modifier: { readonly label: string; readonly isRendered: boolean } | undefined;
  return {
    structs: {
      FluidModifierData(fields, { owner }) {
        modifier = { label: modifierLabel(fields, owner), isRendered: isRendered(fields) };
      },
      // The settings follow their modifier.
      FluidDomainSettings(fields, { owner }) {
        const label = modifier?.label ?? owner.label;
        const flag = fields.number('cache_flag');
        if ((flag & BAKED_ANY) !== 0) {
          collector.addDependency({
            kind: 'fluid-cache',
            extent: 'folder',
            path: fields.text('cache_directory'),
            packed: false,
            usedBy: label,
          });
        }
        if ((flag & BAKED_DATA) !== 0 || modifier?.isRendered === false) return;
        collector.addUnbaked(fields.number('type') === GAS ? 'smoke' : 'fluid', label);
      },
    },
    ownerEnds() {
      modifier = undefined;
    },
  };
}

/** `DynamicPaintSurface.format` and `.flags` in Blender's `DNA_dynamicpaint_types.h`. */
const ON_VERTICES = 1;
const IS_ACTIVE = 1;

interface Modifier {
  readonly address: bigint;
  readonly label: string;
  readonly isRendered: boolean;
}

interface Cloth extends Modifier {
  readonly cache: bigint;
}

/**
 * Cloth, soft bodies, dynamic paint and the smoke of Blender ≤ 2.81, if the modifier is enabled for rendering. Dynamic paint
 * onto images needs no simulation: it is baked or does nothing.
 */
export function objectSimulations(collector: ContentsCollector, pointCaches: PointCaches): ContentsPart {
  let cloths: Cloth[] = [];
  /** Cloth modifiers for the hair of particle systems. */
  let hairCloths = new Set<bigint>();
  let softBody: Modifier | undefined;
  let softBodyCaches: bigint[] = [];
  let paint: Modifier | undefined;
  let smoke: Modifier | undefined;

  const use = (kind: string, { label, isRendered: counts }: Modifier, caches: readonly bigint[]): void => {
    const settle = (baked: boolean): void => {
      if (counts && !baked) collector.addUnbaked(kind, label);
    };
    pointCaches.addUser({ label, caches, settle });
  };

  return {
    structs: {
      ClothModifierData(fields, { owner, address }) {
        const label = modifierLabel(fields, owner);
        if (!collector.mayKeepForOwner(label)) return;
        cloths.push({ address, label, isRendered: isRendered(fields), cache: fields.pointer('point_cache') });
      },
      ParticleSystem(fields) {
        if (collector.mayKeepForOwner()) hairCloths.add(fields.pointer('clmd'));
      },
      SoftbodyModifierData(fields, { owner, address }) {
        softBody = { address, label: modifierLabel(fields, owner), isRendered: isRendered(fields) };
      },
      SoftBody(fields) {
        softBodyCaches = [fields.pointer('pointcache')];
      },
      // Since 2.80; it follows `SoftBody`.
      SoftBody_Shared(fields) {
        softBodyCaches = [fields.pointer('pointcache'), ...softBodyCaches.slice(-1)];
      },
      DynamicPaintModifierData(fields, { owner, address }) {
        paint = { address, label: modifierLabel(fields, owner), isRendered: isRendered(fields) };
      },
      // A modifier's surfaces follow it.
      DynamicPaintSurface(fields) {
        const simulates =
          fields.number('format') === ON_VERTICES && (fields.number('flags') & IS_ACTIVE) !== 0;
        if (!simulates || paint === undefined) return;
        const label = `surface "${fields.text('name')}" of ${paint.label}`;
        use('dynamic-paint', { ...paint, label }, [fields.pointer('pointcache')]);
      },
      SmokeModifierData(fields, { owner, address }) {
        smoke = { address, label: modifierLabel(fields, owner), isRendered: isRendered(fields) };
      },
      SmokeDomainSettings(fields) {
        if (smoke !== undefined) use('smoke', smoke, [fields.pointer('point_cache')]);
      },
    },
    ownerEnds() {
      for (const cloth of cloths) if (!hairCloths.has(cloth.address)) use('cloth', cloth, [cloth.cache]);
      if (softBody !== undefined && softBodyCaches.length > 0) use('soft-body', softBody, softBodyCaches);
      cloths = [];
      hairCloths = new Set();
      softBody = undefined;
      softBodyCaches = [];
      paint = undefined;
      smoke = undefined;
    },
  };
}

/** `ParticleSystem.flag`, `ParticleSettings.type` and `.phystype` in Blender's `DNA_particle_types.h`. */
const HAIR_DYNAMICS = 1 << 2;
const DISABLED = 1 << 13;
const EMITTER = 0;
const HAIR = 2;
const NEWTON = 1;
const BOIDS = 3;
const FLUID = 4;

interface System {
  readonly address: bigint;
  readonly label: string;
  readonly settings: bigint;
  readonly cache: bigint;
  readonly hasDynamics: boolean;
}

interface Settings {
  readonly type: number;
  readonly physics: number;
}

/**
 * Particles that move by physics, and hair dynamics. Particles without physics and keyed ones can be computed for any frame.
 * Particles with linked settings are left out, since the file lacks their type.
 */
export function particleSystems(collector: ContentsCollector, pointCaches: PointCaches): ContentsPart {
  let systems: System[] = [];
  /** Systems whose modifier is enabled for rendering. */
  let rendered = new Set<bigint>();
  const unbaked: System[] = [];
  const settings = new Map<bigint, Settings>();

  const simulates = (system: System): boolean => {
    const found = settings.get(system.settings);
    if (found?.type === HAIR) return system.hasDynamics;
    return found?.type === EMITTER && [NEWTON, BOIDS, FLUID].includes(found.physics);
  };

  return {
    structs: {
      ParticleSystem(fields, { owner, address }) {
        const flag = fields.number('flag');
        const label = `particle system "${fields.text('name')}" of ${owner.label}`;
        if ((flag & DISABLED) !== 0 || !collector.mayKeepForOwner(label)) return;
        systems.push({
          address,
          label,
          settings: fields.pointer('part'),
          cache: fields.pointer('pointcache'),
          hasDynamics: (flag & HAIR_DYNAMICS) !== 0,
        });
      },
      ParticleSystemModifierData(fields) {
        if (isRendered(fields) && collector.mayKeepForOwner()) rendered.add(fields.pointer('psys'));
      },
      ParticleSettings(fields, { owner }) {
        if (!collector.mayKeep()) return;
        settings.set(owner.address, { type: fields.number('type'), physics: fields.number('phystype') });
      },
    },
    ownerEnds() {
      for (const system of systems) {
        const counts = rendered.has(system.address);
        const settle = (baked: boolean): void => {
          if (counts && !baked && collector.mayKeep(system.label)) unbaked.push(system);
        };
        pointCaches.addUser({ label: system.label, caches: [system.cache], settle });
      }
      systems = [];
      rendered = new Set();
    },
    fileEnds() {
      for (const system of unbaked) if (simulates(system)) collector.addUnbaked('particles', system.label);
    },
  };
}

/** `RigidBodyWorld.flag`, `RigidBodyOb.type` and `.flag` in Blender's `DNA_rigidbody_types.h`. */
const MUTED = 1 << 0;
const ACTIVE = 0;
const KINEMATIC = 1 << 0;
const BODY_DISABLED = 1 << 5;

interface World {
  readonly collection: bigint;
  caches: readonly bigint[];
}

/** Unbaked worlds with the same collection. */
interface Unbaked {
  /** Labels of scenes. */
  readonly labels: string[];
  isLinked: boolean;
  isEmpty: boolean;
}

/**
 * Worlds of rigid bodies. A world counts if physics moves a body of the file, in any scene, or if the world's collection is
 * linked and so unknown. Worlds with an empty collection, and bodies that turn physical during the film, do not count.
 */
export function rigidBodies(collector: ContentsCollector, pointCaches: PointCaches): ContentsPart {
  let world: World | undefined;
  let hasBody = false;
  /** By collection. */
  const unbaked = new Map<bigint, Unbaked>();
  // Collections follow the scenes. Up to 2.79 they are groups.
  const noteEmpty = (fields: Fields, { address }: StructPlace): void => {
    const waiting = unbaked.get(address);
    if (waiting === undefined) return;
    waiting.isEmpty = fields.pointer('gobject.first') === 0n && fields.pointer('children.first') === 0n;
  };

  return {
    structs: {
      RigidBodyWorld(fields) {
        const collection = fields.pointer('group', 'collection');
        if ((fields.number('flag') & MUTED) !== 0 || collection === 0n) return;
        world = { collection, caches: [fields.pointer('pointcache')] };
      },
      // Since 2.80; it follows the world.
      RigidBodyWorld_Shared(fields) {
        if (world !== undefined) world.caches = [fields.pointer('pointcache'), ...world.caches.slice(-1)];
      },
      RigidBodyOb(fields) {
        const isMoved = (fields.number('flag') & (KINEMATIC | BODY_DISABLED)) === 0;
        hasBody ||= fields.number('type') === ACTIVE && isMoved;
      },
      ID(_, { address }) {
        const waiting = unbaked.get(address);
        if (waiting !== undefined) waiting.isLinked = true;
      },
      Collection: noteEmpty,
      Group: noteEmpty,
    },
    ownerEnds({ label }) {
      if (world === undefined) return;
      const { collection, caches } = world;
      world = undefined;
      const settle = (baked: boolean): void => {
        if (baked || !collector.mayKeep(label)) return;
        const waiting = unbaked.get(collection);
        if (waiting === undefined)
          unbaked.set(collection, { labels: [label], isLinked: false, isEmpty: false });
        else waiting.labels.push(label);
      };
      pointCaches.addUser({ label: `rigid body world of ${label}`, caches, settle });
    },
    fileEnds() {
      for (const { labels, isLinked, isEmpty } of unbaked.values()) {
        if (isEmpty || (!hasBody && !isLinked)) continue;
        for (const label of labels) collector.addUnbaked('rigid-body', `rigid body world of ${label}`);
      }
    },
  };
}

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

/** A user of a point cache; `label` is as for `usedBy`. */
interface CacheUser {
  readonly label: string;
  /** Possible addresses of its cache; the first that exists counts. */
  readonly caches: readonly bigint[];
  /** Called once, at the end of the owner, with whether all frames are stored. */
  readonly settle: (baked: boolean) => void;
}

/**
 * The point caches of cloth, particles and others. A cache in the file, or in the folder that Blender derives from the file's
 * name, counts only if it is baked: playback may have left any part of it. An external cache counts as it is.
 */
export class PointCaches implements ContentsPart {
  readonly #collector: ContentsCollector;
  readonly #folder: string;
  #caches = new Map<bigint, Cache>();
  #users: CacheUser[] = [];

  /** `blendName` is the file's name: its disk caches are in `blendcache_<name>` beside it. */
  constructor(collector: ContentsCollector, blendName: string) {
    this.#collector = collector;
    this.#folder = `//blendcache_${blendName.replace(/\.blend$/i, '')}/`;
  }

  readonly structs: ContentsPart['structs'] = {
    PointCache: (fields, { address }) => {
      const path = fields.text('path');
      if (this.#collector.mayKeepForOwner(path))
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
    if (this.#collector.mayKeepForOwner(user.label)) this.#users.push(user);
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

  /** The files of a cache without a user, such as a painted image, are unknown. */
  #addFolder(cache: Cache, user: string | undefined, owner: Owner): void {
    const usedBy = user ?? owner.label;
    const { flag, path } = cache;
    const isExternal = (flag & EXTERNAL) !== 0;
    if (!isExternal && (flag & (ON_DISK | BAKED)) !== (ON_DISK | BAKED)) return;
    const areKnown = user !== undefined && !isExternal && owner.code === 'OB' && cache.index >= 0;
    this.#collector.addDependency({
      kind: 'point-cache',
      extent: 'folder',
      path: isExternal ? path : this.#folder,
      packed: false,
      usedBy,
      ...(areKnown && { caches: [framesOf(cache, usedBy, owner)] }),
    });
  }
}

/**
 * Names files as `ptcache_filename` in Blender's pointcache.cc does: by the cache's own name, else by the object's name in
 * hexadecimal.
 */
function framesOf({ name, index, start, end, step }: Cache, usedBy: string, owner: Owner): CacheFrames {
  const head = name === '' ? hexadecimal(owner.name) : name;
  return { usedBy, head: `${head}_`, tail: `_${String(index).padStart(2, '0')}.bphys`, start, end, step };
}

/** Blender writes a non-ASCII byte as a negative number of 32 bits. */
function hexadecimal(name: string): string {
  const digits = [...Buffer.from(name)].map((byte) => {
    const text = byte.toString(16).toUpperCase().padStart(2, '0');
    return byte < 0x80 ? text : `FFFFFF${text}`;
  });
  return digits.join('');
}
