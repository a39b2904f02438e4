/** Displays whose pictures are no BT.709, and which videos are therefore tagged for. */
export const DISPLAYS = ['rec2100-pq', 'rec2100-hlg', 'display-p3', 'rec2020'] as const;

export type Display = (typeof DISPLAYS)[number];

/** By Blender's names (5.2's `colormanagement/config.ocio`, and 4.x's for the last two). */
const BY_NAME: Readonly<Record<string, Display>> = {
  'Rec.2100-PQ': 'rec2100-pq',
  'Rec.2100-HLG': 'rec2100-hlg',
  'Display P3': 'display-p3',
  'Rec.2020': 'rec2020',
};

/** The display that the scene's frames are for; `undefined` for those of BT.709 and for unknown ones. Pure. */
export function displayOf({ display }: { readonly display?: string | undefined }): Display | undefined {
  // ACES configurations add the word.
  const name = display?.replace(/ - Display$/, '') ?? '';
  return Object.hasOwn(BY_NAME, name) ? BY_NAME[name] : undefined;
}

/** Whether 8 bits show bands on it. Pure. */
export const isHdr = (display: Display | undefined): boolean =>
  display === 'rec2100-pq' || display === 'rec2100-hlg';
