import type { ContentsPart, Place } from './contents-part';
import type { Fields } from './fields';
import type { Findings } from './findings';
import type { PointCaches } from './point-caches';

/** `RigidBodyWorld.flag`, `RigidBodyOb.type` and `.flag` in Blender's `DNA_rigidbody_types.h`. */
const MUTED = 1 << 0;
const ACTIVE = 0;
const KINEMATIC = 1 << 0;
const DISABLED = 1 << 5;

interface World {
  readonly collection: bigint;
  caches: readonly bigint[];
}

/** Worlds without a bake that have the same collection. */
interface Unbaked {
  /** Of their scenes. */
  readonly labels: string[];
  isLinked: boolean;
  isEmpty: boolean;
}

/**
 * Worlds of rigid bodies. One counts where a body of the file's own is moved by physics, whichever scene it is in, or
 * where the world's collection is linked, in which there may be any. A world whose collection is empty has no bodies. A body
 * that turns from animated to physical during the film counts as animated.
 */
export function rigidBodies(findings: Findings, pointCaches: PointCaches): ContentsPart {
  let world: World | undefined;
  let hasBody = false;
  /** By their collections. */
  const unbaked = new Map<bigint, Unbaked>();
  // Collections follow the scenes. They were groups up to 2.79.
  const noteEmpty = (fields: Fields, { address }: Place): void => {
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
        const isMoved = (fields.number('flag') & (KINEMATIC | DISABLED)) === 0;
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
        if (baked || !findings.mayKeep(label)) return;
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
        for (const label of labels) findings.addUnbaked('rigid-body', `rigid body world of ${label}`);
      }
    },
  };
}
