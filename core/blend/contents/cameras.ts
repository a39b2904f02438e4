import type { SceneCameras } from './blend-contents';
import type { ContentsPart } from './contents-part';
import type { Findings } from './findings';

/** `OB_CAMERA` of `Object.type`, in Blender's `DNA_object_types.h`. */
const CAMERA = 11;

/** Objects and collections of all scenes that are held. A scene with more is not whole. */
const MAX_MEMBERS = 1 << 17;

/** What a scene or a collection holds, by address. */
interface Members {
  readonly objects: Set<bigint>;
  readonly collections: Set<bigint>;
}

/** The camera objects of each scene, from its collections and theirs. Up to 2.79 a scene holds its objects itself. */
export function cameras(findings: Findings): ContentsPart {
  const names = new Map<bigint, string>();
  const scenes = new Map<bigint, string>();
  const members = new Map<bigint, Members>();
  const linked = new Set<bigint>();
  let count = 0;

  const membersOf = (owner: bigint): Members => {
    const known = members.get(owner) ?? { objects: new Set(), collections: new Set() };
    members.set(owner, known);
    return known;
  };
  const add = (set: Set<bigint>, address: bigint): void => {
    if (address === 0n || count >= MAX_MEMBERS || set.has(address)) return;
    set.add(address);
    count += 1;
  };

  return {
    structs: {
      Scene(_, { owner }) {
        if (owner.code === 'SC' && findings.mayKeep(owner.name)) scenes.set(owner.address, owner.name);
      },
      Object(fields, { owner }) {
        if (owner.code === 'OB' && fields.number('type') === CAMERA && findings.mayKeep(owner.name))
          names.set(owner.address, owner.name);
      },
      CollectionObject(fields, { owner }) {
        add(membersOf(owner.address).objects, fields.pointer('ob'));
      },
      CollectionChild(fields, { owner }) {
        add(membersOf(owner.address).collections, fields.pointer('collection'));
      },
      Base(fields, { owner }) {
        if (owner.code === 'SC') add(membersOf(owner.address).objects, fields.pointer('object'));
      },
      // What a library holds has only its name here.
      ID(fields, { owner }) {
        if (linked.size < MAX_MEMBERS && /^(OB|GR)/.test(fields.text('name'))) linked.add(owner.address);
      },
    },
    fileEnds(complete) {
      const isWhole = complete && count < MAX_MEMBERS;
      for (const [address, scene] of scenes)
        findings.addCameras(camerasOf(address, scene, { names, members, linked, isWhole }));
    },
  };
}

interface Held {
  readonly names: ReadonlyMap<bigint, string>;
  readonly members: ReadonlyMap<bigint, Members>;
  readonly linked: ReadonlySet<bigint>;
  readonly isWhole: boolean;
}

function camerasOf(address: bigint, scene: string, held: Held): SceneCameras {
  const found = new Set<string>();
  const seen = new Set([address]);
  let { isWhole } = held;
  // A set takes what is added while it is gone through.
  for (const collection of seen) {
    const { objects = [], collections = [] } = held.members.get(collection) ?? {};
    for (const child of collections) seen.add(child);
    for (const object of objects) {
      const name = held.names.get(object);
      if (name !== undefined) found.add(name);
    }
    isWhole &&= ![...objects, ...collections].some((member) => held.linked.has(member));
  }
  return { scene, names: [...found].toSorted(), isWhole };
}
