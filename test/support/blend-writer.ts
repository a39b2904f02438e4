/** The formats of .blend files, also those that only older Blenders write. */
export interface BlendShape {
  readonly format: 0 | 1;
  readonly pointerBytes: 4 | 8;
  readonly littleEndian: boolean;
  readonly version: number;
}

export const BLENDER_3_4: BlendShape = { format: 0, pointerBytes: 8, littleEndian: true, version: 304 };
export const BLENDER_5_0: BlendShape = { format: 1, pointerBytes: 8, littleEndian: true, version: 500 };

/** Struct name to its members, as C spells them: `int sfra`, `Object *camera`, `char name[66]`. */
export type StructTable = Readonly<Record<string, readonly string[]>>;

/** As much of Blender's structs as the reader looks at, in an order of their own. */
export const STRUCTS: StructTable = {
  ID: ['void *next', 'void *prev', 'char name[66]', 'char pad[2]'],
  rctf: ['float xmin', 'float xmax', 'float ymin', 'float ymax'],
  ImageFormatData: ['char imtype', 'char pad[3]'],
  RenderData: [
    'ImageFormatData im_format',
    'short imtype',
    'short frs_sec',
    'int sfra',
    'int efra',
    'int frame_step',
    'float frs_sec_base',
    'short size',
    'short pad',
    'int xsch',
    'int ysch',
    'int mode',
    'int scemode',
    'rctf border',
    'char pic[1024]',
    'char engine[32]',
  ],
  Scene: [
    'ID id',
    'Object *camera',
    'Editing *ed',
    'bNodeTree *nodetree',
    'AnimData *adt',
    'char use_nodes',
    'char pad[3]',
    'RenderData r',
    'AudioData audio',
  ],
  AudioData: ['short flag', 'short pad'],
  FileGlobal: [
    'char subvstr[4]',
    'short subversion',
    'short minversion',
    'bScreen *curscreen',
    'Scene *curscene',
  ],
  TimeMarker: ['TimeMarker *next', 'int frame', 'char name[64]', 'Object *camera', 'int *(*evil)()'],
  Sequence: ['Sequence *next', 'int type', 'int flag', 'float matrix[4][4]'],
  ViewLayer: ['ViewLayer *next', 'char name[64]'],
  SceneRenderLayer: ['SceneRenderLayer *next', 'char name[64]'],
};

/** Since 5.0 names may be longer, and scenes share the nodes of their compositors. */
export const STRUCTS_5_0: StructTable = {
  ...STRUCTS,
  ID: ['void *next', 'void *prev', 'char name[258]', 'char pad[6]'],
  Scene: [...STRUCTS['Scene']!, 'bNodeTree *compositing_node_group'],
};

/** Up to 2.79 view layers were called render layers. */
export const STRUCTS_2_7: StructTable = Object.fromEntries(
  Object.entries(STRUCTS).filter(([name]) => name !== 'ViewLayer'),
);

/** Structs and members that Blender 2.4x did not have. */
export const STRUCTS_2_4: StructTable = {
  ...STRUCTS,
  ID: ['void *next', 'void *prev', 'char name[24]'],
  RenderData: [
    'short imtype',
    'short frs_sec',
    'short sfra',
    'short efra',
    'short size',
    'short xsch',
    'short ysch',
    'int mode',
    'char pic[160]',
  ],
  TimeMarker: ['TimeMarker *next', 'int frame', 'char name[64]'],
};

const TYPE_BYTES: Readonly<Record<string, number>> = { char: 1, short: 2, int: 4, float: 4, void: 0 };

export type Values = Readonly<Record<string, number | bigint | string | Uint8Array>>;

export interface BlockOptions {
  readonly address?: bigint;
  readonly sdnaIndex?: number;
  /** Instead of the true length. */
  readonly length?: bigint;
}

/** Writes .blend files block by block, right ones and wrong ones. */
export class BlendWriter {
  readonly #shape: BlendShape;
  readonly #structs: StructTable;
  readonly #parts: Buffer[] = [];

  constructor(shape: BlendShape = BLENDER_3_4, structs: StructTable = STRUCTS) {
    this.#shape = shape;
    this.#structs = structs;
    const { format, pointerBytes, littleEndian, version } = shape;
    const pointer = pointerBytes === 8 ? '-' : '_';
    this.raw(
      format === 1
        ? `BLENDER17-01v${String(version).padStart(4, '0')}`
        : `BLENDER${pointer}${littleEndian ? 'v' : 'V'}${version}`,
    );
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array | string): this {
    this.#parts.push(bufferOf(bytes));
    return this;
  }

  block(code: string, data: Uint8Array = new Uint8Array(0), options: BlockOptions = {}): this {
    const { format, pointerBytes, littleEndian } = this.#shape;
    const length = options.length ?? BigInt(data.length);
    const padded = littleEndian ? code.padEnd(4, '\0') : code.padStart(4, '\0');
    const address = this.#pointer(options.address ?? 0n);
    const index = this.#int(options.sdnaIndex ?? 0);
    this.raw(padded);
    if (format === 1) {
      const large = Buffer.alloc(16);
      large.writeBigInt64LE(length, 0);
      large.writeBigInt64LE(1n, 8);
      this.raw(Buffer.concat([index, address, large]));
    } else {
      const bytes = pointerBytes === 8 ? 24 : 20;
      const header = [this.#int(Number(BigInt.asIntN(32, length))), address, index, this.#int(1)];
      this.raw(Buffer.concat(header, bytes - 4));
    }
    return this.raw(data);
  }

  /** A block with the data of a struct; what `values` does not name is zero. */
  struct(code: string, name: string, values: Values, options: BlockOptions = {}): this {
    const sdnaIndex = Object.keys(this.#structs).indexOf(name);
    return this.block(code, this.structBytes(name, values), { sdnaIndex, ...options });
  }

  scene(name: string, values: Values = {}, options: BlockOptions = {}): this {
    return this.struct('SC', 'Scene', { 'id.name': `SC${name}`, ...values }, options);
  }

  render(scene: string, range: { frameStart?: number; frameEnd?: number; nameBytes?: number } = {}): this {
    const { frameStart = 0, frameEnd = 0, nameBytes = 64 } = range;
    const name = Buffer.alloc(nameBytes);
    name.write(scene);
    return this.block('REND', Buffer.concat([this.#int(frameStart), this.#int(frameEnd), name]));
  }

  /** `DNA1` and the end block. */
  end(): Buffer {
    return this.block('DNA1', this.dna()).block('ENDB').bytes();
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }

  dna(): Buffer {
    const structs = Object.entries(this.#structs).map(([name, members]) => ({
      name,
      members: members.map(splitMember),
    }));
    const members = structs.flatMap((struct) => struct.members);
    const names = [...new Set(members.map((member) => member.name))];
    const types = [
      ...new Set([
        ...Object.keys(TYPE_BYTES),
        ...structs.map(({ name }) => name),
        ...members.map(({ type }) => type),
      ]),
    ];
    const parts = [
      Buffer.from('SDNANAME'),
      this.#int(names.length),
      ...names.map((name) => Buffer.from(`${name}\0`)),
    ];
    const align = (): number => parts.push(Buffer.alloc(-Buffer.concat(parts).length & 3));
    align();
    parts.push(
      Buffer.from('TYPE'),
      this.#int(types.length),
      ...types.map((type) => Buffer.from(`${type}\0`)),
    );
    align();
    parts.push(Buffer.from('TLEN'), ...types.map((type) => this.#short(this.#typeBytes(type))));
    align();
    parts.push(Buffer.from('STRC'), this.#int(structs.length));
    for (const struct of structs) {
      parts.push(this.#short(types.indexOf(struct.name)), this.#short(struct.members.length));
      for (const { type, name } of struct.members) {
        parts.push(this.#short(types.indexOf(type)), this.#short(names.indexOf(name)));
      }
    }
    return Buffer.concat(parts);
  }

  structBytes(name: string, values: Values, prefix = ''): Buffer {
    return Buffer.concat(
      this.#structs[name]!.map(splitMember).map((member) => {
        const path = prefix + member.name.replace(/^\*|\[.*$/g, '');
        if (!member.name.includes('*') && this.#structs[member.type]) {
          return this.structBytes(member.type, values, `${path}.`);
        }
        return this.#valueBytes(member, values[path] ?? 0);
      }),
    );
  }

  #valueBytes(member: { type: string; name: string }, value: Values[string]): Buffer {
    const bytes = Buffer.alloc(this.#memberBytes(member));
    if (member.name.includes('*')) this.#pointer(typeof value === 'bigint' ? value : 0n).copy(bytes);
    else if (typeof value === 'string' || value instanceof Uint8Array) bufferOf(value).copy(bytes);
    else if (member.type === 'float') this.#float(Number(value)).copy(bytes);
    else if (member.type === 'int') this.#int(Number(value)).copy(bytes);
    else if (member.type === 'short') this.#short(Number(value) & 0xffff).copy(bytes);
    else bytes[0] = Number(value);
    return bytes;
  }

  #typeBytes(type: string): number {
    const members = this.#structs[type];
    if (members === undefined) return TYPE_BYTES[type] ?? 0;
    return members.map(splitMember).reduce((sum, member) => sum + this.#memberBytes(member), 0);
  }

  #memberBytes({ type, name }: { type: string; name: string }): number {
    const one = name.includes('*') ? this.#shape.pointerBytes : this.#typeBytes(type);
    const sizes = [...name.matchAll(/\[(\d+)\]/g)].map((match) => Number(match[1]));
    return sizes.reduce((product, size) => product * size, one);
  }

  #pointer(value: bigint): Buffer {
    const bytes = Buffer.alloc(8);
    if (this.#shape.littleEndian) bytes.writeBigUInt64LE(value);
    else if (this.#shape.pointerBytes === 8) bytes.writeBigUInt64BE(value);
    else bytes.writeUInt32BE(Number(value));
    return bytes.subarray(0, this.#shape.pointerBytes);
  }

  #int(value: number): Buffer {
    const bytes = Buffer.alloc(4);
    return this.#shape.littleEndian ? (bytes.writeInt32LE(value), bytes) : (bytes.writeInt32BE(value), bytes);
  }

  #short(value: number): Buffer {
    const bytes = Buffer.alloc(2);
    return this.#shape.littleEndian
      ? (bytes.writeUInt16LE(value), bytes)
      : (bytes.writeUInt16BE(value), bytes);
  }

  #float(value: number): Buffer {
    const bytes = Buffer.alloc(4);
    return this.#shape.littleEndian ? (bytes.writeFloatLE(value), bytes) : (bytes.writeFloatBE(value), bytes);
  }
}

function bufferOf(bytes: Uint8Array | string): Buffer {
  return typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes);
}

function splitMember(declaration: string): { type: string; name: string } {
  const space = declaration.indexOf(' ');
  return { type: declaration.slice(0, space), name: declaration.slice(space + 1) };
}
