import { type ContentsPart, type ContentsCollector, isRendered, modifierLabel } from './collector';

/** `NodesModifierBake.flag` in Blender's `DNA_modifier_types.h`. */
const OWN_FOLDER = 1 << 1;

/** `bNodeTree.type` in `DNA_node_types.h`. */
const GEOMETRY = 3;

interface Bake {
  readonly isPacked: boolean;
  folder: string | undefined;
}

interface BakingModifier {
  readonly label: string;
  readonly isRendered: boolean;
  readonly group: bigint;
  /** Address of the array of bakes. */
  readonly bakes: bigint;
  folder: string;
}

interface Group {
  hasSimulation: boolean;
  readonly uses: Set<bigint>;
}

/**
 * Bakes of geometry nodes (≥ 3.6), and simulation zones without one. A bake is in the file, in its own folder, or in that of
 * its modifier, which is set by the first bake; only the folder shows whether it still exists. Linked node groups are unknown,
 * so their simulations are left out.
 */
export function geometryNodes(collector: ContentsCollector): ContentsPart {
  let modifiers: BakingModifier[] = [];
  let bakes = new Map<bigint, Bake[]>();
  const groups = new Map<bigint, Group>();
  let group: Group | undefined;
  const unbaked: BakingModifier[] = [];

  const addFolder = (path: string, usedBy: string): void => {
    collector.addDependency({ kind: 'bake', extent: 'folder', path, packed: false, usedBy });
  };
  const settle = (modifier: BakingModifier): void => {
    const ofModifier = bakes.get(modifier.bakes) ?? [];
    // Modifiers do not share an array. In a hostile file, each would repeat it.
    bakes.delete(modifier.bakes);
    const own = ofModifier.flatMap(({ isPacked, folder }) =>
      isPacked || folder === undefined ? [] : [folder],
    );
    const inModifiers = modifier.bakes === 0n || ofModifier.some((bake) => !bake.isPacked && !bake.folder);
    for (const folder of own) addFolder(folder, modifier.label);
    if (inModifiers) addFolder(modifier.folder, modifier.label);
    const isBaked =
      ofModifier.some(({ isPacked }) => isPacked) || own.some(Boolean) || modifier.folder !== '';
    if (modifier.isRendered && !isBaked && collector.mayKeep(modifier.label)) unbaked.push(modifier);
  };

  return {
    structs: {
      NodesModifierData(fields, { owner, wantText }) {
        const label = modifierLabel(fields, owner);
        if (!collector.mayKeepForOwner(label)) return;
        const modifier: BakingModifier = {
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
        if (!collector.mayKeepForOwner()) return;
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
        // Modifiers can use only groups that are data blocks of their own.
        const isGroup = owner.address === address && fields.number('type') === GEOMETRY;
        if (!isGroup || !collector.mayKeep()) return;
        group = { hasSimulation: false, uses: new Set() };
        groups.set(address, group);
      },
      bNode(fields) {
        const used = fields.pointer('id');
        if (group !== undefined && used !== 0n && collector.mayKeep()) group.uses.add(used);
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
        if (simulating.has(modifier.group)) collector.addUnbaked('geometry-nodes', modifier.label);
      }
    },
  };
}

/** Groups that have a zone, or use such a group through any number of steps; cycles do no harm. */
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
  // Iteration over a growing set includes the added members.
  for (const address of found) for (const user of users.get(address) ?? []) found.add(user);
  return found;
}

/** `IDP_STRING` in Blender's `DNA_ID.h`. */
const STRING = 0;

/** `GeometryNodeImportSTL`, `…OBJ`, `…PLY`, `…CSV`, `…Text`, `…VDB`, since 4.5. */
const IMPORT = /^GeometryNodeImport[A-Z]/;
const PATH_SOCKET = 'Path';

interface Import {
  readonly label: string;
  readonly socket: bigint;
  path: string;
}

interface ImportModifier {
  readonly label: string;
  readonly group: bigint;
  /** Texts of its inputs by identifier. */
  readonly texts: Map<string, string>;
}

/**
 * Files of Import nodes in geometry nodes. The path comes from the socket, a String node, or an input of the group, which each
 * modifier sets. Computed paths are unknown.
 */
export function importNodes(collector: ContentsCollector): ContentsPart {
  let idname = '';
  let label = '';
  let imports = new Map<bigint, Import>();
  let links = new Map<bigint, bigint>();
  /** Outputs of String nodes and group inputs, by address of the socket. */
  let texts = new Map<bigint, { text: string }>();
  let stringNode: { text: string } | undefined;
  let identifiers = new Map<bigint, string>();
  let modifier: ImportModifier | undefined;
  /** Inputs that are paths, by group. */
  const inputs = new Map<bigint, string[]>();
  const modifiers: ImportModifier[] = [];

  const add = (path: string, usedBy: string): void =>
    collector.addDependency({ kind: 'import', extent: 'file', path, packed: false, usedBy });

  const settle = ({ socket, path, label: usedBy }: Import, group: bigint): void => {
    const from = links.get(socket);
    if (from === undefined) return add(path, usedBy);
    const text = texts.get(from);
    if (text !== undefined) return add(text.text, usedBy);
    const identifier = identifiers.get(from);
    if (identifier !== undefined && collector.mayKeep(identifier))
      inputs.set(group, [...(inputs.get(group) ?? []), identifier]);
  };

  return {
    structs: {
      bNode(fields, { owner }) {
        idname = fields.text('idname');
        label = IMPORT.test(idname) ? `node "${fields.text('name')}" of ${owner.label}` : '';
        stringNode = undefined;
      },
      bNodeSocket(fields, { address }) {
        if (label !== '' && fields.text('identifier') === PATH_SOCKET && collector.mayKeepForOwner(label)) {
          imports.set(fields.pointer('default_value'), { label, socket: address, path: '' });
        } else if (idname === 'NodeGroupInput') {
          const identifier = fields.text('identifier');
          if (collector.mayKeepForOwner(identifier)) identifiers.set(address, identifier);
        } else if (idname === 'FunctionNodeInputString' && collector.mayKeepForOwner()) {
          stringNode ??= { text: '' };
          texts.set(address, stringNode);
        }
      },
      bNodeSocketValueString(fields, { address }) {
        const found = imports.get(address);
        const path = found ? fields.text('value') : '';
        if (found && collector.mayKeepForOwner(path)) found.path = path;
      },
      // The storage of its node, after the sockets.
      NodeInputString(fields, { wantText }) {
        const node = stringNode;
        if (!node) return;
        wantText(fields.pointer('string'), (text) => {
          if (collector.mayKeepForOwner(text)) node.text = text;
        });
      },
      bNodeLink(fields) {
        if (imports.size > 0 && collector.mayKeepForOwner())
          links.set(fields.pointer('tosock'), fields.pointer('fromsock'));
      },
      NodesModifierData(fields, { owner }) {
        modifier = undefined;
        const name = modifierLabel(fields, owner);
        if (!collector.mayKeepForOwner(name)) return;
        modifier = { label: name, group: fields.pointer('node_group'), texts: new Map() };
      },
      IDProperty(fields, { wantText }) {
        const user = modifier;
        if (!user || fields.number('type') !== STRING) return;
        const name = fields.text('name');
        wantText(fields.pointer('data.pointer'), (text) => {
          if (text === '' || !collector.mayKeep(name + text)) return;
          if (user.texts.size === 0) modifiers.push(user);
          user.texts.set(name, text);
        });
      },
    },
    ownerEnds(owner) {
      for (const found of imports.values()) settle(found, owner.address);
      idname = label = '';
      stringNode = modifier = undefined;
      imports = new Map();
      links = new Map();
      texts = new Map();
      identifiers = new Map();
    },
    fileEnds() {
      for (const { label: usedBy, group, texts: own } of modifiers) {
        for (const identifier of inputs.get(group) ?? []) add(own.get(identifier) ?? '', usedBy);
      }
    },
  };
}

/** Blender's own types of node trees: `bNodeTree.idname`. */
const OWN_TREES: ReadonlySet<string> = new Set([
  'ShaderNodeTree',
  'CompositorNodeTree',
  'GeometryNodeTree',
  'TextureNodeTree',
]);

/** `NODE_MUTED` of `bNode.flag`, in Blender's `DNA_node_types.h`. */
const MUTED = 1 << 9;

/** Node trees of add-ons, and Denoise nodes of the compositor, whether they affect the picture or not. */
export function specialNodes(collector: ContentsCollector): ContentsPart {
  return {
    structs: {
      bNodeTree(fields) {
        const type = fields.text('idname');
        if (type !== '' && !OWN_TREES.has(type)) collector.addAddonTree(type);
      },
      bNode(fields, { owner }) {
        const isMuted = (fields.number('flag') & MUTED) !== 0;
        if (!isMuted && fields.text('idname') === 'CompositorNodeDenoise')
          collector.addDenoiseNode(owner.label);
      },
    },
  };
}
