import { isRendered, modifierLabel, type ContentsPart } from './contents-part';
import type { Findings } from './findings';

/** `NodesModifierBake.flag` in Blender's `DNA_modifier_types.h`. */
const OWN_FOLDER = 1 << 1;

/** `bNodeTree.type` in `DNA_node_types.h`. */
const GEOMETRY = 3;

interface Bake {
  readonly isPacked: boolean;
  folder: string | undefined;
}

interface Modifier {
  readonly label: string;
  readonly isRendered: boolean;
  readonly group: bigint;
  /** Address of the array. */
  readonly bakes: bigint;
  folder: string;
}

interface Group {
  hasSimulation: boolean;
  readonly uses: Set<bigint>;
}

/**
 * Bakes of geometry nodes (≥ 3.6), and simulation zones without one. A bake lies within the file, in a folder of its
 * own, or in that of its modifier, which is set when something is baked for the first time; whether it is there still
 * only the folder can tell. A node group of a library can't be looked into: nothing is said of its simulations.
 */
export function geometryNodes(findings: Findings): ContentsPart {
  let modifiers: Modifier[] = [];
  let bakes = new Map<bigint, Bake[]>();
  const groups = new Map<bigint, Group>();
  let group: Group | undefined;
  const unbaked: Modifier[] = [];

  const addFolder = (path: string, usedBy: string): void => {
    findings.addDependency({ kind: 'bake', extent: 'folder', path, packed: false, usedBy });
  };
  const settle = (modifier: Modifier): void => {
    const ofModifier = bakes.get(modifier.bakes) ?? [];
    // Modifiers do not share it; were there a file in which they do, it would be gone through again for each.
    bakes.delete(modifier.bakes);
    const own = ofModifier.flatMap(({ isPacked, folder }) =>
      isPacked || folder === undefined ? [] : [folder],
    );
    const inModifiers = modifier.bakes === 0n || ofModifier.some((bake) => !bake.isPacked && !bake.folder);
    for (const folder of own) addFolder(folder, modifier.label);
    if (inModifiers) addFolder(modifier.folder, modifier.label);
    const isBaked =
      ofModifier.some(({ isPacked }) => isPacked) || own.some(Boolean) || modifier.folder !== '';
    if (modifier.isRendered && !isBaked && findings.mayKeep(modifier.label)) unbaked.push(modifier);
  };

  return {
    structs: {
      NodesModifierData(fields, { owner, wantText }) {
        const label = modifierLabel(fields, owner);
        if (!findings.mayKeepForOwner(label)) return;
        const modifier: Modifier = {
          label,
          isRendered: isRendered(fields),
          group: fields.pointer('node_group'),
          bakes: fields.pointer('bakes'),
          folder: '',
        };
        modifiers.push(modifier);
        wantText(fields.pointer('simulation_bake_directory', 'bake_directory'), (text) => {
          modifier.folder = text;
        });
      },
      NodesModifierBake(fields, { blockAddress, wantText }) {
        if (!findings.mayKeepForOwner()) return;
        const bake: Bake = { isPacked: fields.pointer('packed') !== 0n, folder: undefined };
        const array = bakes.get(blockAddress) ?? [];
        bakes.set(blockAddress, array);
        array.push(bake);
        if ((fields.number('flag') & OWN_FOLDER) === 0) return;
        wantText(fields.pointer('directory'), (text) => {
          bake.folder = text;
        });
      },
      bNodeTree(fields, { owner, address }) {
        // One within another data block is no group that a modifier could use.
        const isGroup = owner.address === address && fields.number('type') === GEOMETRY;
        if (!isGroup || !findings.mayKeep()) return;
        group = { hasSimulation: false, uses: new Set() };
        groups.set(address, group);
      },
      bNode(fields) {
        const used = fields.pointer('id');
        if (group !== undefined && used !== 0n && findings.mayKeep()) group.uses.add(used);
      },
      NodeGeometrySimulationOutput() {
        if (group !== undefined) group.hasSimulation = true;
      },
    },
    ownerEnds() {
      for (const modifier of modifiers) settle(modifier);
      modifiers = [];
      bakes = new Map();
      group = undefined;
    },
    fileEnds() {
      const simulating = groupsWithSimulation(groups);
      for (const modifier of unbaked) {
        if (simulating.has(modifier.group)) findings.addUnbaked('geometry-nodes', modifier.label);
      }
    },
  };
}

/** Those that have a zone and those that use one of them, over however many steps; circles do no harm. */
function groupsWithSimulation(groups: ReadonlyMap<bigint, Group>): Set<bigint> {
  const users = new Map<bigint, bigint[]>();
  for (const [address, { uses }] of groups) {
    for (const used of uses) {
      const known = users.get(used);
      if (known === undefined) users.set(used, [address]);
      else known.push(address);
    }
  }
  const found = new Set(
    [...groups].filter(([, { hasSimulation }]) => hasSimulation).map(([address]) => address),
  );
  // A set that grows while it is gone through shows what was added, too.
  for (const address of found) for (const user of users.get(address) ?? []) found.add(user);
  return found;
}
