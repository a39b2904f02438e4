import type { Sdna } from '../blend/sdna';
import type { OwnerEdges } from './edges';
import { type DataGraph, MAYBE, NONE, OFF, type Strength, SURE } from './graph';
import { addressAt, KEEPS_SLOTS, NODES_OF_DATA, type StructLayout } from './layouts';
import type { ReachSummary } from './summary';

/** The current struct. */
export interface At {
  readonly layout: StructLayout;
  readonly view: DataView;
  readonly base: number;
}

/** `R_DOSEQ` and `R_DOCOMP` of `Scene.r.scemode`, in `DNA_scene_types.h`. */
const USES_SEQUENCER = 1 << 0;
const COMPOSITES = 1 << 6;

/** `Object.type`, `.transflag`, `.visibility_flag` and `.duplicator_visibility_flag` in `DNA_object_types.h`. */
const EMPTY = 0;
const LAMP = 10;
const INSTANCES_COLLECTION = 1 << 8;
const INSTANCES = (1 << 4) | (1 << 9) | INSTANCES_COLLECTION | (1 << 11);
const HIDDEN = 1 << 2;
/** Hidden from the camera or from some rays, or a holdout. */
const PARTLY_HIDDEN = 0x7f8;
const SHOWS_INSTANCER = 1 << 1;

/** `COLLECTION_HIDE_RENDER` of `Collection.flag`, in `DNA_collection_types.h`. */
const COLLECTION_HIDDEN = 1 << 3;

/** `ModifierData.mode`, in `DNA_modifier_types.h`. */
const MODIFIER_RENDERS = 1 << 1;

/** `TEX_IMAGE` of `Tex.type`, and `IDP_ID` of `IDProperty.type`. */
const IMAGE_TEXTURE = 8;
const PROPERTY_OF_DATA = 7;

/** From 5.0 on `use_nodes` of materials, worlds and lights is always on, whatever the file says. */
const NODES_ALWAYS = 5;

/** Reads links between data blocks from structs, and adds them to the current owner. */
export class StructReader {
  readonly #sdna: Sdna;
  readonly #graph: DataGraph;
  readonly #summary: ReachSummary;
  readonly #version: number;

  /** `version`: major version of the Blender that saved the file. */
  constructor(sdna: Sdna, summary: ReachSummary, version: number) {
    this.#sdna = sdna;
    this.#summary = summary;
    this.#graph = summary.graph;
    this.#version = version;
  }

  /** Reads the first struct of a data block. */
  readOwner(at: At, owner: OwnerEdges): void {
    const { layout, view, base } = at;
    const read = (path: string): number => layout.number(view, base, path);
    owner.slots.array = layout.address(view, base, layout.has('mat') ? 'mat' : 'material_array');
    switch (layout.name) {
      case 'Object':
        return this.#readObject(at, owner);
      case 'Collection':
        if ((read('flag') & COLLECTION_HIDDEN) !== 0) this.#graph.hide();
        break;
      case 'Scene':
        return this.#readScene(at, owner);
      case 'bNodeTree':
        owner.nodes.addTree(read('type'), true);
        break;
      case 'Mesh':
        owner.slots.tellsFaces = layout.has('poly_offset_indices');
        break;
      case 'Tex':
        if (read('use_nodes') === 0) owner.treeStrength = OFF;
        if (read('type') === IMAGE_TEXTURE && read('use_nodes') === 0)
          owner.add({ target: layout.address(view, base, 'ima'), base: SURE, extra: NONE });
        break;
      default:
        if (layout.has('use_nodes') && read('use_nodes') === 0)
          owner.treeStrength = this.#version >= NODES_ALWAYS ? MAYBE : OFF;
    }
    this.#follow(at, owner);
  }

  /** Reads any other struct. */
  read(at: At, address: number, owner: OwnerEdges): void {
    const { layout, view, base } = at;
    const read = (path: string): number => layout.number(view, base, path);
    const pointer = (path: string): number => layout.address(view, base, path);
    switch (layout.name) {
      case 'bNodeTree':
        owner.strip = 0;
        return owner.nodes.addTree(read('type'), false);
      case 'bNode':
        return this.#readNode(at, address, owner);
      case 'bNodeLink':
        owner.node = 0;
        return owner.nodes.addLink(pointer('fromnode'), pointer('tonode'), read('flag'));
      case 'Collection':
        return undefined;
      case 'CollectionObject':
        return owner.add({ target: pointer('ob'), base: SURE, extra: MAYBE, gated: true });
      case 'CollectionChild':
        // The view layers of a scene have its collections.
        if (owner.scene) return undefined;
        return owner.add({
          target: pointer('collection'),
          base: SURE,
          extra: SURE,
          gated: true,
          ofExtra: true,
        });
      case 'LayerCollection':
        this.#summary.layerNodes.set(address, {
          next: pointer('next'),
          firstChild: pointer('layer_collections.first'),
          collection: pointer('collection'),
          flag: read('flag'),
        });
        return undefined;
      case 'ViewLayer':
        return this.#readViewLayer(at, owner);
      case 'Editing':
        owner.firstStrip = pointer('seqbase.first');
        owner.firstChannel = pointer('channels.first');
        return undefined;
      case 'SeqTimelineChannel':
        if (owner.mayKeep())
          owner.channels.set(address, { next: pointer('next'), index: read('index'), flag: read('flag') });
        return undefined;
      case 'Sequence':
        return this.#readStrip(at, address, owner);
      case 'Strip':
        if (layout.has('seqbase')) return this.#readStrip(at, address, owner);
        return undefined;
      case 'IDProperty':
        if (read('type') === PROPERTY_OF_DATA)
          owner.add({ target: pointer('data.pointer'), base: MAYBE, extra: MAYBE });
        return undefined;
      default:
        return layout.isModifier ? this.#readModifier(at, owner) : this.#follow(at, owner);
    }
  }

  #readObject(at: At, owner: OwnerEdges): void {
    const { layout, view, base } = at;
    const read = (path: string): number => layout.number(view, base, path);
    const visibility = read(layout.has('restrictflag') ? 'restrictflag' : 'visibility_flag');
    if ((visibility & HIDDEN) !== 0) this.#graph.hide();
    const isInstancer =
      (read('transflag') & INSTANCES) !== 0 || layout.address(view, base, 'particlesystem.first') !== 0;
    const isShown = !isInstancer || (read('duplicator_visibility_flag') & SHOWS_INSTANCER) !== 0;
    const isPartly = (visibility & PARTLY_HIDDEN) !== 0 && read('type') !== LAMP;
    if (isPartly || !isShown) owner.most = MAYBE;
    // An empty shows its picture only in the viewport.
    if (read('type') !== EMPTY) owner.data = layout.address(view, base, 'data');
    owner.mayMoveSlots = layout.address(view, base, 'particlesystem.first') !== 0;
    const isInstance = (read('transflag') & INSTANCES_COLLECTION) !== 0;
    const target = layout.address(view, base, layout.has('dup_group') ? 'dup_group' : 'instance_collection');
    owner.add({ target, base: isInstance ? SURE : OFF, extra: isInstance ? SURE : OFF });
    const handled = ['data', 'mat', 'dup_group', 'instance_collection'];
    this.#follow(at, owner, handled);
  }

  #readScene(at: At, owner: OwnerEdges): void {
    const { layout, view, base } = at;
    const read = (path: string): number => layout.number(view, base, path);
    const pointer = (path: string): number => layout.address(view, base, path);
    const mode = read('r.scemode');
    const hasGroup = layout.has('compositing_node_group');
    const composites = (mode & COMPOSITES) !== 0;
    const usesTree = composites && !hasGroup && read('use_nodes') !== 0 && pointer('nodetree') !== 0;
    owner.scene = {
      usesStrips: (mode & USES_SEQUENCER) !== 0,
      composites: usesTree ? SURE : OFF,
      hasGroup: composites && pointer('compositing_node_group') !== 0,
      start: read('r.sfra'),
      end: read('r.efra'),
    };
    owner.treeStrength = hasGroup ? NONE : owner.scene.composites;
    const group = pointer('compositing_node_group');
    owner.add({ target: group, base: composites ? SURE : OFF, extra: NONE, ofExtra: false });
    owner.add({ target: pointer('set'), base: NONE, extra: SURE });
    this.#follow(at, owner, ['compositing_node_group', 'set', 'nodetree']);
  }

  #readViewLayer(at: At, owner: OwnerEdges): void {
    const { layout, view, base } = at;
    const flag = layout.number(view, base, 'flag');
    const layers = this.#summary.viewLayers.get(owner.index) ?? [];
    this.#summary.viewLayers.set(owner.index, layers);
    layers.push({ flag, first: layout.address(view, base, 'layer_collections.first') });
    const replacement = layout.address(view, base, 'mat_override');
    if ((flag & 1) === 0 || replacement === 0) return this.#follow(at, owner, ['mat_override']);
    this.#summary.replaced.add(owner.index);
    owner.add({ target: replacement, base: SURE, extra: NONE, overrides: true });
    return this.#follow(at, owner, ['mat_override']);
  }

  #readNode(at: At, address: number, owner: OwnerEdges): void {
    const { layout, view, base } = at;
    const idname = layout.text(view, base, 'idname');
    owner.nodes.addNode(
      address,
      idname,
      layout.number(view, base, 'flag'),
      layout.number(view, base, 'custom1'),
    );
    owner.node = address;
    const target = layout.address(view, base, 'id');
    if (idname === 'CompositorNodeRLayers') {
      owner.renderLayers.push({ node: address, scene: target });
      return owner.add({ target, base: NONE, extra: SURE });
    }
    if (idname.endsWith('Group')) owner.hasGroupNodes = true;
    const isSure = NODES_OF_DATA.has(idname);
    return owner.add({ target, base: isSure ? SURE : MAYBE, extra: isSure ? NONE : MAYBE });
  }

  #readStrip(at: At, address: number, owner: OwnerEdges): void {
    if (!owner.mayKeep()) return;
    const { layout, view, base } = at;
    const read = (path: string): number => layout.number(view, base, path);
    const pointer = (path: string): number => layout.address(view, base, path);
    const real = (path: string): number => layout.float(view, base, path);
    const start = real('start') + real('startofs');
    const speed = layout.has('speed_factor') ? real('speed_factor') : 1;
    owner.strips.set(address, {
      next: pointer('next'),
      label: `sequencer strip "${layout.text(view, base, 'name').slice(2)}"`,
      type: read('type'),
      flag: read('flag'),
      channel: read(layout.has('machine') ? 'machine' : 'channel'),
      start: Math.floor(start),
      end: Math.ceil(real('start') + read('len') - real('endofs')),
      opacity: layout.has('blend_opacity') ? real('blend_opacity') : 1,
      isRetimed:
        (speed !== 1 && speed !== 0) || read('retiming_handle_num') > 0 || read('retiming_keys_num') > 0,
      firstChild: pointer('seqbase.first'),
      firstChannel: pointer('channels.first'),
    });
    // Sound is mixed even if the sequencer's pictures are not rendered.
    owner.add({ target: pointer('sound'), base: MAYBE, extra: NONE, ofExtra: false });
    owner.strip = address;
    owner.add({ target: pointer('scene'), base: MAYBE, extra: SURE });
    this.#follow(at, owner, ['sound', 'scene']);
    owner.strip = 0;
  }

  #readModifier(at: At, owner: OwnerEdges): void {
    const { layout, view, base } = at;
    const isOn = (layout.number(view, base, 'modifier.mode') & MODIFIER_RENDERS) !== 0;
    const name = layout.text(view, base, 'modifier.name');
    if (owner.mayKeep()) owner.modifiers.set(`modifier "${name}"`, isOn ? SURE : OFF);
    if (!KEEPS_SLOTS.has(layout.number(view, base, 'modifier.type'))) owner.mayMoveSlots = true;
    this.#follow(at, owner, [], isOn ? SURE : OFF);
  }

  #follow(
    { layout, view, base }: At,
    owner: OwnerEdges,
    handled: readonly string[] = [],
    most: Strength = SURE,
  ): void {
    for (const { offset, member, isSure } of layout.pointers) {
      const target = addressAt(view, base + offset, this.#sdna.header);
      if (target === 0 || handled.includes(member) || target === owner.slots.array) continue;
      const strength = most === OFF ? OFF : isSure ? SURE : MAYBE;
      owner.add({ target, base: strength, extra: strength === SURE ? NONE : strength });
    }
  }
}
