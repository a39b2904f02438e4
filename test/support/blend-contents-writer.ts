import type { BlendContents } from '../../core/scene/contents/blend-contents';
import { readBlendContents } from '../../core/scene/contents/read-contents';
import { BLENDER_3_4, type BlendShape, BlendWriter, type StructTable, type Values } from './blend-writer';
import { bytesSource } from './counting-source';

const MODIFIER = 'ModifierData modifier';

/** As much of the structs as the reader of contents looks at, under the names that files have for them. */
export const CONTENTS_STRUCTS: StructTable = {
  ID: ['void *next', 'void *prev', 'Library *lib', 'char name[66]', 'char pad[6]'],
  ListBase: ['void *first', 'void *last'],
  Image: [
    'ID id',
    'char name[1024]',
    'PackedFile *packedfile',
    'ListBase packedfiles',
    'short source',
    'short type',
    'int pad',
  ],
  ImageView: ['ImageView *next', 'ImageView *prev', 'char name[64]', 'char filepath[1024]'],
  ImageTile: ['ImageTile *next', 'int tile_number', 'char pad[4]'],
  Library: ['ID id', 'char name[1024]', 'short flag', 'short pad[3]', 'PackedFile *packedfile'],
  VFont: ['ID id', 'char name[1024]', 'PackedFile *packedfile'],
  bSound: ['ID id', 'char name[1024]', 'PackedFile *packedfile'],
  Speaker: ['ID id', 'bSound *sound', 'short flag', 'short pad[3]'],
  MovieClip: ['ID id', 'char name[1024]', 'int source', 'int pad'],
  Volume: [
    'ID id',
    'char filepath[1024]',
    'PackedFile *packedfile',
    'char is_sequence',
    'char sequence_mode',
    'char pad[2]',
    'int frame_start',
    'int frame_duration',
    'int frame_offset',
    'int pad2[2]',
  ],
  CacheFile: ['ID id', 'ListBase layers', 'char filepath[1024]', 'char is_sequence', 'char pad[7]'],
  CacheFileLayer: ['CacheFileLayer *next', 'char filepath[1024]', 'int flag', 'int pad'],
  ModifierData: ['ModifierData *next', 'int type', 'int mode', 'char name[64]'],
  MeshCacheModifierData: [MODIFIER, 'char filepath[1024]'],
  OceanModifierData: [MODIFIER, 'char cachepath[1024]', 'char cached', 'char pad[7]'],
  FluidsimSettings: ['short type', 'short pad[3]', 'char surfdataPath[1024]'],
  CustomDataExternal: ['char filename[1024]'],
  NodeShaderTexIES: ['int mode', 'char filepath[1024]'],
  NodeShaderScript: ['int mode', 'int flag', 'char filepath[1024]'],
  RenderData: ['int mode', 'int scemode'],
  Scene: ['ID id', 'RenderData r', 'char use_nodes', 'char pad[7]'],
  Sequence: ['Sequence *next', 'char name[64]', 'int type', 'int pad', 'Strip *strip', 'bSound *sound'],
  Strip: ['StripElem *stripdata', 'char dir[768]'],
  StripElem: ['char name[256]', 'int orig_width'],
  Object: ['ID id'],
  Material: ['ID id', 'bNodeTree *nodetree'],
  PointCache: [
    'PointCache *next',
    'int flag',
    'int step',
    'int startframe',
    'int endframe',
    'int index',
    'int pad',
    'char name[64]',
    'char path[1024]',
  ],
  ClothModifierData: [MODIFIER, 'PointCache *point_cache'],
  SoftbodyModifierData: [MODIFIER],
  SoftBody: ['int pad', 'int pad2', 'PointCache *pointcache', 'SoftBody_Shared *shared'],
  SoftBody_Shared: ['PointCache *pointcache'],
  ParticleSystemModifierData: [MODIFIER, 'ParticleSystem *psys'],
  ParticleSystem: [
    'char name[64]',
    'int flag',
    'int pad',
    'ParticleSettings *part',
    'ClothModifierData *clmd',
    'PointCache *pointcache',
  ],
  ParticleSettings: ['ID id', 'short type', 'short phystype', 'int pad'],
  DynamicPaintModifierData: [MODIFIER],
  DynamicPaintSurface: ['char name[64]', 'short format', 'short pad', 'int flags', 'PointCache *pointcache'],
  SmokeModifierData: [MODIFIER],
  SmokeDomainSettings: ['PointCache *point_cache', 'PointCache *of_noise'],
  FluidModifierData: [MODIFIER],
  FluidDomainSettings: ['int cache_flag', 'short type', 'short pad', 'char cache_directory[1024]'],
  RigidBodyWorld: ['int flag', 'int pad', 'Collection *group', 'PointCache *pointcache'],
  RigidBodyWorld_Shared: ['PointCache *pointcache'],
  Collection: ['ID id', 'ListBase gobject', 'ListBase children'],
  RigidBodyOb: ['short type', 'short pad', 'int flag'],
  NodesModifierData: [
    MODIFIER,
    'bNodeTree *node_group',
    'char *simulation_bake_directory',
    'NodesModifierBake *bakes',
  ],
  NodesModifierBake: ['int id', 'int flag', 'char *directory', 'void *packed'],
  bNodeTree: ['ID id', 'int type', 'int pad'],
  bNodeSocket: ['char identifier[64]', 'void *default_value'],
  bNodeSocketValueString: ['int subtype', 'char pad[4]', 'char value[1024]'],
  bNodeLink: ['bNodeSocket *fromsock', 'bNodeSocket *tosock'],
  NodeInputString: ['char *string'],
  IDPropertyData: ['void *pointer'],
  IDProperty: ['IDProperty *next', 'char type', 'char pad[7]', 'char name[64]', 'IDPropertyData data'],
  bNode: [
    'char idname[64]',
    'char name[64]',
    'bNode *next',
    'int flag',
    'int pad',
    'ID *id',
    'void *storage',
  ],
  ImageUser: ['int frames', 'int offset', 'int sfra', 'char cycl', 'char pad', 'short flag'],
  Tex: ['ID id', 'Image *ima', 'ImageUser iuser'],
  NodeTexImage: ['int pad[2]', 'ImageUser iuser'],
  NodeTexEnvironment: ['int pad[4]', 'ImageUser iuser'],
  NodeGeometrySimulationOutput: ['void *items'],
  NodeImageMultiFile: ['char base_path[1024]'],
  Text: ['ID id', 'int flags', 'int pad'],
  ChannelDriver: ['ListBase variables', 'char expression[256]', 'int type', 'int pad'],
  DriverVar: ['DriverVar *next', 'char name[64]'],
  FreestyleConfig: ['ListBase modules', 'int mode', 'int pad'],
  FreestyleLineSet: ['FreestyleLineSet *next', 'char name[64]'],
  ViewLayer: ['char name[64]', 'FreestyleConfig freestyle_config'],
  FreestyleModuleConfig: [
    'FreestyleModuleConfig *next',
    'Text *script',
    'short is_displayed',
    'short pad[3]',
  ],
};

/** Writes what a .blend holds besides its scenes' settings. */
export class ContentsWriter extends BlendWriter {
  readonly #names: readonly string[];

  constructor(shape: BlendShape = BLENDER_3_4, structs: StructTable = CONTENTS_STRUCTS) {
    super(shape, structs);
    this.#names = Object.keys(structs);
  }

  /** A data block. Its address is what others point to it by. */
  id(code: string, struct: string, name: string, values: Values = {}, address = 0n): this {
    return this.struct(code, struct, { 'id.name': code + name, ...values }, { address });
  }

  /** A block that belongs to the data block before it. */
  data(struct: string, values: Values = {}, address = 0n): this {
    return this.struct('DATA', struct, values, { address });
  }

  /** A block with several of a struct. */
  array(struct: string, values: readonly Values[], address = 0n): this {
    const bytes = Buffer.concat(values.map((each) => this.structBytes(struct, each)));
    return this.block('DATA', bytes, { address, sdnaIndex: this.#names.indexOf(struct) });
  }

  object(name: string): this {
    return this.id('OB', 'Object', name);
  }

  /** The contents of the file that was written, read back. */
  read(name?: string): Promise<BlendContents> {
    return readBlendContents(bytesSource(this.end(), name));
  }
}
