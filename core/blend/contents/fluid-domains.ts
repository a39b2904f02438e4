import { isRendered, modifierLabel, type ContentsPart } from './contents-part';
import type { Findings } from './findings';

/** `FluidDomainSettings.type` and `.cache_flag` in Blender's `DNA_fluid_types.h`. */
const GAS = 0;
const BAKED_DATA = 1 << 1;
const BAKED_NOISE = 1 << 3;
const BAKED_MESH = 1 << 5;
const BAKED_PARTICLES = 1 << 7;
const BAKED_GUIDE = 1 << 9;
const BAKED = BAKED_DATA | BAKED_NOISE | BAKED_MESH | BAKED_PARTICLES | BAKED_GUIDE;

/**
 * Domains of smoke and liquids since 2.82, whose frames lie in a folder. What a domain of the kind "Replay" leaves there
 * when it is played is not told in the file, and does not count.
 */
export function fluidDomains(findings: Findings): ContentsPart {
  let modifier: { readonly label: string; readonly isRendered: boolean } | undefined;
  return {
    structs: {
      FluidModifierData(fields, { owner }) {
        modifier = { label: modifierLabel(fields, owner), isRendered: isRendered(fields) };
      },
      // It follows its modifier.
      FluidDomainSettings(fields, { owner }) {
        const label = modifier?.label ?? owner.label;
        const flag = fields.number('cache_flag');
        if ((flag & BAKED) !== 0) {
          findings.addDependency({
            kind: 'fluid-cache',
            extent: 'folder',
            path: fields.text('cache_directory'),
            packed: false,
            usedBy: label,
          });
        }
        if ((flag & BAKED_DATA) !== 0 || modifier?.isRendered === false) return;
        findings.addUnbaked(fields.number('type') === GAS ? 'smoke' : 'fluid', label);
      },
    },
    ownerEnds() {
      modifier = undefined;
    },
  };
}
