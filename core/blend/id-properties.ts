import type { StructView } from './struct-view';

/** Custom properties that are held of one scene: add-ons store some hundreds. */
const MAX_PROPERTIES = 4096;

/** More than any group has: a hostile file may link a list to itself. */
const MAX_STEPS = MAX_PROPERTIES;

/** `IDP_INT`, `IDP_GROUP` and `IDP_BOOLEAN` of `IDProperty.type`, in Blender's `DNA_ID_enums.h` and `DNA_ID.h`. */
const INT = 1;
const GROUP = 6;
const BOOLEAN = 10;

interface Property {
  readonly name: string;
  readonly type: number;
  readonly next: bigint;
  readonly first: bigint;
  readonly value: number;
}

/** The custom properties of a data block, by which Blender's own add-ons (Cycles) store their settings. */
export class IdProperties {
  readonly #byAddress = new Map<bigint, Property>();

  /** Takes note of a struct `IDProperty` at `address`; drops it where there are too many. */
  add(address: bigint, property: StructView): void {
    if (this.#byAddress.size >= MAX_PROPERTIES) return;
    this.#byAddress.set(address, {
      name: property.text('name') ?? '',
      type: property.integer('type') ?? 0,
      next: property.pointer('next') ?? 0n,
      first: property.pointer('data.group.first') ?? 0n,
      value: property.integer('data.val') ?? 0,
    });
  }

  /**
   * A switch or whole number in the group `group` of the data block whose properties start at `roots`, the first that has it; `undefined`
   * where it has its default.
   */
  number(roots: ReadonlyArray<bigint | undefined>, group: string, name: string): number | undefined {
    for (const root of roots) {
      const held = this.#member(root, group);
      const value = held?.type === GROUP ? this.#memberOf(held, name) : undefined;
      if (value && (value.type === INT || value.type === BOOLEAN)) return value.value;
    }
    return undefined;
  }

  #member(root: bigint | undefined, name: string): Property | undefined {
    const properties = root === undefined ? undefined : this.#byAddress.get(root);
    return properties?.type === GROUP ? this.#memberOf(properties, name) : undefined;
  }

  #memberOf({ first }: Property, name: string): Property | undefined {
    let address = first;
    for (let step = 0; step < MAX_STEPS; step++) {
      const property = this.#byAddress.get(address);
      if (property === undefined || property.name === name) return property;
      address = property.next;
    }
    return undefined;
  }
}
