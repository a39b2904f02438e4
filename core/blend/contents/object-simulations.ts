import { isRendered, modifierLabel, type ContentsPart } from './contents-part';
import type { Findings } from './findings';
import type { PointCaches } from './point-caches';

/** `DynamicPaintSurface.format` and `.flags` in Blender's `DNA_dynamicpaint_types.h`. */
const ON_VERTICES = 1;
const IS_ACTIVE = 1;

interface Modifier {
  readonly address: bigint;
  readonly label: string;
  readonly isRendered: boolean;
}

interface Cloth extends Modifier {
  readonly cache: bigint;
}

/**
 * Cloth, soft bodies, dynamic paint and the smoke of Blender ≤ 2.81: what objects simulate with their modifiers. Only
 * those count that are switched on for rendering. Dynamic paint onto images is none: it is baked or does nothing.
 */
export function objectSimulations(findings: Findings, pointCaches: PointCaches): ContentsPart {
  let cloths: Cloth[] = [];
  /** They belong to particle systems, as the settings of their hair. */
  let hairCloths = new Set<bigint>();
  let softBody: Modifier | undefined;
  let softBodyCaches: bigint[] = [];
  let paint: Modifier | undefined;
  let smoke: Modifier | undefined;

  const use = (kind: string, { label, isRendered: counts }: Modifier, caches: readonly bigint[]): void => {
    const settle = (baked: boolean): void => {
      if (counts && !baked) findings.addUnbaked(kind, label);
    };
    pointCaches.addUser({ label, caches, settle });
  };

  return {
    structs: {
      ClothModifierData(fields, { owner, address }) {
        const label = modifierLabel(fields, owner);
        if (!findings.mayKeepForOwner(label)) return;
        cloths.push({ address, label, isRendered: isRendered(fields), cache: fields.pointer('point_cache') });
      },
      ParticleSystem(fields) {
        if (findings.mayKeepForOwner()) hairCloths.add(fields.pointer('clmd'));
      },
      SoftbodyModifierData(fields, { owner, address }) {
        softBody = { address, label: modifierLabel(fields, owner), isRendered: isRendered(fields) };
      },
      SoftBody(fields) {
        softBodyCaches = [fields.pointer('pointcache')];
      },
      // Since 2.80; it follows the other.
      SoftBody_Shared(fields) {
        softBodyCaches = [fields.pointer('pointcache'), ...softBodyCaches.slice(-1)];
      },
      DynamicPaintModifierData(fields, { owner, address }) {
        paint = { address, label: modifierLabel(fields, owner), isRendered: isRendered(fields) };
      },
      // A modifier's surfaces follow it.
      DynamicPaintSurface(fields) {
        const simulates =
          fields.number('format') === ON_VERTICES && (fields.number('flags') & IS_ACTIVE) !== 0;
        if (!simulates || paint === undefined) return;
        const label = `surface "${fields.text('name')}" of ${paint.label}`;
        use('dynamic-paint', { ...paint, label }, [fields.pointer('pointcache')]);
      },
      SmokeModifierData(fields, { owner, address }) {
        smoke = { address, label: modifierLabel(fields, owner), isRendered: isRendered(fields) };
      },
      SmokeDomainSettings(fields) {
        if (smoke !== undefined) use('smoke', smoke, [fields.pointer('point_cache')]);
      },
    },
    ownerEnds() {
      for (const cloth of cloths) if (!hairCloths.has(cloth.address)) use('cloth', cloth, [cloth.cache]);
      if (softBody !== undefined && softBodyCaches.length > 0) use('soft-body', softBody, softBodyCaches);
      cloths = [];
      hairCloths = new Set();
      softBody = undefined;
      softBodyCaches = [];
      paint = undefined;
      smoke = undefined;
    },
  };
}
