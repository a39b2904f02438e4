import type { SceneCameras } from './blend-contents';
import type { ContentsPart, ContentsCollector, StructPlace } from './collector';
import type { Fields } from './frugal-reader';

/** `OB_CAMERA` of `Object.type`, in Blender's `DNA_object_types.h`. */
const CAMERA = 11;

/** Objects and collections kept for all scenes. Scenes with more are incomplete. */
const MAX_MEMBERS = 1 << 17;

/** Members of a scene or collection, by address. */
interface Members {
  readonly objects: Set<bigint>;
  readonly collections: Set<bigint>;
}

/** The camera objects of each scene, from its nested collections. Up to 2.79 a scene holds its objects itself. */
export function cameras(collector: ContentsCollector): ContentsPart {
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
        if (owner.code === 'SC' && collector.mayKeep(owner.name)) scenes.set(owner.address, owner.name);
      },
      Object(fields, { owner }) {
        if (owner.code === 'OB' && fields.number('type') === CAMERA && collector.mayKeep(owner.name))
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
      // Linked data has only its name here.
      ID(fields, { owner }) {
        if (linked.size < MAX_MEMBERS && /^(OB|GR)/.test(fields.text('name'))) linked.add(owner.address);
      },
    },
    fileEnds(complete) {
      const isWhole = complete && count < MAX_MEMBERS;
      for (const [address, scene] of scenes)
        collector.addCameras(camerasOf(address, scene, { names, members, linked, isWhole }));
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
  // Iteration over a growing set includes the added members.
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

/** `R_DOCOMP` of `Scene.r.scemode`, `NODE_MUTED` of `bNode.flag` and `NTREE_COMPOSIT`, in Blender's DNA headers. */
const COMPOSITES = 1 << 6;
const MUTED = 1 << 9;
const COMPOSITOR = 1;

const RENDER_LAYERS = 'CompositorNodeRLayers';

/** Addresses of the scenes that a tree renders; 0 is the scene of the tree. */
type Rendered = Set<bigint>;

/**
 * Scenes that only composite: none of their Render Layers nodes shows the scene itself. Blender needs cameras in the scenes
 * that they show (`check_valid_compositing_camera` in its pipeline.cc). Nodes in groups and muted ones do not count.
 */
export function compositedScenes(collector: ContentsCollector): ContentsPart {
  /** Up to 4.5 a scene has its own tree; since 5.0 scenes share node groups. */
  const trees = new Map<bigint, Rendered>();
  const scenes = new Map<bigint, { readonly name: string; readonly tree: bigint }>();
  let tree: Rendered | undefined;
  return {
    structs: {
      Scene(fields, { owner }) {
        if (!collector.mayKeep(owner.name)) return;
        const shared = fields.has('compositing_node_group');
        const isUsed =
          (fields.number('r.scemode') & COMPOSITES) !== 0 && (shared || fields.number('use_nodes') !== 0);
        const address = fields.pointer('compositing_node_group', 'nodetree');
        scenes.set(owner.address, { name: owner.name, tree: isUsed ? address : 0n });
      },
      bNodeTree(fields, { owner, address }) {
        const isKnown = owner.code === 'SC' || owner.address === address;
        tree = undefined;
        if (!isKnown || fields.number('type') !== COMPOSITOR || !collector.mayKeep()) return;
        tree = new Set();
        trees.set(address, tree);
      },
      bNode(fields) {
        if (tree === undefined || fields.text('idname') !== RENDER_LAYERS) return;
        if ((fields.number('flag') & MUTED) === 0 && collector.mayKeep()) tree.add(fields.pointer('id'));
      },
    },
    ownerEnds() {
      tree = undefined;
    },
    fileEnds(complete) {
      if (!complete) return;
      for (const [address, scene] of scenes) {
        const rendered = trees.get(scene.tree);
        if (rendered === undefined || rendered.has(0n) || rendered.has(address)) continue;
        const others = [...rendered].map((other) => scenes.get(other)?.name);
        // A linked scene is unknown here.
        collector.addComposite(
          scene.name,
          others.filter((name) => name !== undefined),
        );
      }
    },
  };
}

/** `Strip.type` in Blender's `DNA_sequence_types.h`. */
const PICTURES = 0;
const MOVIE = 3;
const SOUNDS: readonly number[] = [4, 5];

/** `R_DOSEQ` of `Scene.r.scemode`, from `DNA_scene_types.h`. */
const USES_SEQUENCER = 1;

interface Strip {
  readonly type: number;
  readonly label: string;
  readonly data: bigint;
  readonly hasSound: boolean;
}

interface StripData {
  readonly folder: string;
  readonly elements: bigint;
}

/** Runs of picture numbers that are kept for a strip. */
const MOST_RUNS = 1000;

/** By name without the number: the first name, and the numbers of all. */
type Names = Map<string, { readonly first: string; many: boolean; readonly runs: [number, number][] }>;

/**
 * Pictures, movies and sounds of the video sequencer, if the scene renders it. A strip points to its data (the folder), and the
 * data to an array of names: one, or one per frame of a picture sequence, numbered or not. Muted strips count, since a driver
 * may unmute them. Sounds with a data block of their own, as all since 2.5, are found there.
 */
export function strips(collector: ContentsCollector): ContentsPart {
  let isRendered = false;
  let found: Strip[] = [];
  let data = new Map<bigint, StripData>();
  let elements = new Map<bigint, Names>();

  const readStrip = (fields: Fields): void => {
    const name = fields.text('name').slice(2);
    if (!collector.mayKeepForOwner(name)) return;
    found.push({
      type: fields.number('type'),
      label: `sequencer strip "${name}"`,
      data: fields.pointer('strip', 'data'),
      hasSound: fields.pointer('sound') !== 0n,
    });
  };
  const readData = (fields: Fields, { address }: StructPlace): void => {
    const folder = fields.text('dir', 'dirpath');
    if (collector.mayKeepForOwner(folder))
      data.set(address, { folder, elements: fields.pointer('stripdata') });
  };

  const add = (strip: Strip): void => {
    const isOurs = [PICTURES, MOVIE].includes(strip.type) || (SOUNDS.includes(strip.type) && !strip.hasSound);
    const place = isOurs ? data.get(strip.data) : undefined;
    if (place === undefined) return;
    const names = elements.get(place.elements);
    // Strips do not share an array. In a hostile file, each would repeat it.
    elements.delete(place.elements);
    for (const { first, many, runs } of names?.values() ?? []) {
      collector.addDependency({
        kind: 'strip',
        extent: many ? 'sequence' : 'file',
        path: joined(place.folder, first),
        packed: false,
        usedBy: strip.label,
        ...(many && { runs }),
      });
    }
  };

  return {
    structs: {
      Scene(fields) {
        isRendered = (fields.number('r.scemode') & USES_SEQUENCER) !== 0;
      },
      // Files name the strip `Sequence` and its data `Strip`; Blender renamed both in 5.0.
      Sequence: readStrip,
      Strip: (fields, place) =>
        fields.has('dir') || fields.has('dirpath') ? readData(fields, place) : readStrip(fields),
      StripData: readData,
      StripElem(fields, { blockAddress }) {
        const name = fields.text('name', 'filename');
        let names = elements.get(blockAddress);
        if (names === undefined) elements.set(blockAddress, (names = new Map()));
        const key = name.replace(LAST_NUMBER, '#');
        const known = names.get(key);
        if (known !== undefined) {
          known.many ||= known.first !== name;
          addToRuns(known.runs, numberIn(name));
        } else if (name !== '' && collector.mayKeepForOwner(name)) {
          const number = numberIn(name);
          names.set(key, { first: name, many: false, runs: [[number, number]] });
        }
      },
    },
    ownerEnds() {
      if (isRendered) for (const strip of found) add(strip);
      isRendered = false;
      found = [];
      data = new Map();
      elements = new Map();
    },
  };
}

const LAST_NUMBER = /\d+(?=\D*$)/;

const numberIn = (name: string): number => Number(LAST_NUMBER.exec(name)?.[0] ?? 0);

/** Adds a number to the last run if it follows, else to a new run. */
function addToRuns(runs: [number, number][], number: number): void {
  const last = runs.at(-1)!;
  if (number === last[1] + 1) last[1] = number;
  else if ((number < last[0] || number > last[1]) && runs.length < MOST_RUNS) runs.push([number, number]);
}

function joined(folder: string, name: string): string {
  return folder === '' || /[/\\]$/.test(folder) ? folder + name : `${folder}/${name}`;
}

/** `SPK_MUTED` of `Speaker.flag` in Blender's `DNA_speaker_types.h`. */
const SPEAKER_MUTED = 1 << 1;

/** Unmuted speakers with a sound. Only the animation of their objects decides whether it plays. */
export function speakers(collector: ContentsCollector): ContentsPart {
  return {
    structs: {
      Speaker(fields, { owner }) {
        const isHeard = fields.pointer('sound') !== 0n && (fields.number('flag') & SPEAKER_MUTED) === 0;
        if (isHeard) collector.addSpeaker(owner.name);
      },
    },
  };
}
