/**
 * What a pointer of one data block to another means for a rendered frame. A member that no table names leads to `maybe`:
 * a Blender may have members that are not known here.
 */

/** Members that never bring anything into a frame, by struct and member, and why. `*` is the whole struct. */
export const EXCLUDED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ID: {
    newid: 'only set while data is copied',
    orig_id: 'only set while Blender runs',
    lib: 'names where the data block comes from; the placeholder itself stands for its library',
  },
  IDOverrideLibrary: { hierarchy_root: 'only groups overrides in the interface' },
  IDOverrideLibraryPropertyOperation: { '*': 'names what an override changes' },
  Scene: {
    clip: 'the active clip is for motion tracking in the interface',
    gpd: 'annotations are not rendered',
    basact: 'the active object',
    collection: 'layers of a format before 2.80',
  },
  ToolSettings: { '*': 'brushes, palettes and other tools of the interface' },
  Paint: { '*': 'brushes, palettes and other tools of the interface' },
  ImagePaintSettings: { '*': 'brushes, palettes and other tools of the interface' },
  ParticleEditSettings: { '*': 'brushes, palettes and other tools of the interface' },
  TexPaintSlot: { '*': 'what texture painting works on' },
  Base: { '*': 'lists the objects of a view layer; its collections decide' },
  Collection: { owner_id: 'leads back to the scene that it is part of' },
  LayerCollection: { '*': 'is looked at with its flags' },
  bNodeTree: { owner_id: 'leads back to the owner of the tree', gpd: 'annotations are not rendered' },
  MovieClip: { gpd: 'annotations are not rendered' },
  ImageUser: { scene: 'only tells the frame' },
  CameraBGImage: { '*': 'background images are for the viewport' },
  bPoseChannel: { custom: 'shapes of bones are for the viewport', custom_tx: 'places such a shape' },
  AnimData: { tmpact: 'only set while tweaking in the interface' },
  Library: { parent: 'who linked it', archive_parent_library: 'where packed data came from' },
};

/** Members that a rendered data block always takes into the frame with it. */
export const SURE: Readonly<Record<string, readonly string[]>> = {
  Scene: ['world', 'camera'],
  Mesh: ['mat', 'key'],
  Curve: ['mat', 'vfont'],
  MetaBall: ['mat'],
  Curves: ['mat'],
  PointCloud: ['mat'],
  Volume: ['mat'],
  bGPdata: ['mat'],
  GreasePencil: ['material_array'],
  ViewLayer: ['mat_override', 'world_override'],
  DisplaceModifierData: ['texture'],
  WaveModifierData: ['texture'],
  WarpModifierData: ['texture'],
  MeshSeqCacheModifierData: ['cache_file'],
  NodesModifierData: ['node_group'],
};

/** Structs that a pointer without a type may lead out of to a data block. */
export const UNTYPED: Readonly<Record<string, readonly string[]>> = {
  Object: ['data'],
  LinkData: ['data'],
};

/** Codes of data blocks that only the interface uses: nothing of them is looked at. */
export const INTERFACE: ReadonlySet<string> = new Set(['SR', 'SN', 'WM', 'WS', 'BR', 'PL', 'PC', 'TX']);

/** Properties that switch something off or on when they are animated. */
export const SWITCHES =
  /hide_render|show_render|mute|material_index|use_nodes|use_sequencer|use_compositing|blend_alpha|instance_|\.use$|^use$|enabled/;

/** Nodes that hand on the data block of their own. Others only may. */
export const NODES_OF_DATA: ReadonlySet<string> = new Set([
  'ShaderNodeTexImage',
  'ShaderNodeTexEnvironment',
  'ShaderNodeGroup',
  'CompositorNodeImage',
  'CompositorNodeMovieClip',
  'CompositorNodeGroup',
  'CompositorNodeRLayers',
  'GeometryNodeGroup',
  'TextureNodeGroup',
  'TextureNodeImage',
]);

/** Outputs of trees, of which the active one counts. */
export const OUTPUTS: ReadonlySet<string> = new Set([
  'ShaderNodeOutputMaterial',
  'ShaderNodeOutputWorld',
  'ShaderNodeOutputLight',
  'ShaderNodeOutputLineStyle',
  'TextureNodeOutput',
  'CompositorNodeComposite',
  'NodeGroupOutput',
]);

/** Nodes that may have an effect without being linked to an output. */
export const MAYBE_OUTPUTS =
  /OutputAOV|OutputFile|Simulation|Repeat|Foreach|Closure|^(?!Shader|Compositor|Geometry|Texture|Function|Node)/;

/**
 * Types of modifiers (`ModifierType` in `DNA_modifier_types.h`) after which the faces have the material slots that they had:
 * subdivision and others that only move vertices, and mirror, edge split, triangulate and data transfer.
 */
export const KEEPS_SLOTS: ReadonlySet<number> = new Set([
  1, 2, 3, 5, 7, 8, 9, 10, 13, 14, 15, 16, 17, 18, 22, 23, 25, 28, 29, 30, 35, 36, 37, 38, 40, 43, 44, 45, 46,
  47, 49, 50, 51, 53, 54,
]);
