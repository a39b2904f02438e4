/** What is wrong with a zstd frame; the frame's place and the error that callers see are added by who knows them. */
export class ZstdDamage extends Error {}

export function damaged(reason: string): never {
  throw new ZstdDamage(reason);
}
