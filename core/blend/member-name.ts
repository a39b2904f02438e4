/** What the C declarator of a struct's member tells. */
export interface MemberName {
  readonly name: string;
  readonly isPointer: boolean;
  /** Elements: 1 unless it is an array; the product of all sizes for one of several dimensions. */
  readonly count: number;
}

/** Takes apart `frame_step`, `*camera`, `**mat`, `name[66]`, `mat[4][4]`, `*mtex[18]` and `(*free)()`. */
export function parseMemberName(declarator: string): MemberName {
  let count = 1;
  for (const [, size] of declarator.matchAll(/\[(\d+)\]/g)) count *= Number(size);
  return {
    name: /\w+/.exec(declarator)?.[0] ?? '',
    isPointer: declarator.startsWith('*') || declarator.startsWith('(*'),
    count,
  };
}
