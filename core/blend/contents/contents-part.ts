import type { Fields } from './fields';

/**
 * The data block that a struct belongs to: all blocks up to the next one with a code of its own are its parts. Its texts are
 * there until the next one starts.
 */
export interface Owner {
  /** `OB`, `SC`, …; empty before the first. */
  readonly code: string;
  readonly address: bigint;
  /** As an artist sees it, `object "Cube"`. */
  readonly label: string;
  /** `Cube`. */
  readonly name: string;
}

/** Where a struct was found. */
export interface Place {
  readonly owner: Owner;
  /** By which others point to it. */
  readonly address: bigint;
  /** Of the block that it is in; others point to an array by that of its first. */
  readonly blockAddress: bigint;
  /** For a text that stands in a block of its own, further on in the same owner: `take` is called once it comes by. */
  readonly wantText: (address: bigint, take: (text: string) => void) => void;
}

/**
 * Finds one kind of thing in a file, from the structs that it is shown in the order of the file. What points from one
 * to another is put together at the end: of the owner, since addresses are unique within one only, or of the file,
 * for addresses of owners.
 */
export interface ContentsPart {
  /** By the name of the struct. */
  readonly structs: Readonly<Record<string, (fields: Fields, place: Place) => void>>;
  /**
   * The owner's last struct has been shown. A `Map` that was filled from it is best replaced, not cleared: V8 links the table
   * that it had to the new one, and of such a chain nothing is freed before a thorough collection, though a file may have
   * 100,000 owners.
   */
  ownerEnds?(owner: Owner): void;
  /** The file's last struct has been shown, or, where `complete` is false, the last that could be read. */
  fileEnds?(complete: boolean): void;
}

/** `modifier "Cloth" of object "Cube"`, for any struct that starts with a `ModifierData`. */
export function modifierLabel(fields: Fields, owner: Owner): string {
  return `modifier "${fields.text('modifier.name')}" of ${owner.label}`;
}

/** `eModifierMode_Render` in Blender's `DNA_modifier_types.h`. A driver may switch it on, which can't be seen here. */
export function isRendered(fields: Fields): boolean {
  return (fields.number('modifier.mode') & 2) !== 0;
}
