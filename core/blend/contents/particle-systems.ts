import { isRendered, type ContentsPart } from './contents-part';
import type { Findings } from './findings';
import type { PointCaches } from './point-caches';

/** `ParticleSystem.flag`, `ParticleSettings.type` and `.phystype` in Blender's `DNA_particle_types.h`. */
const HAIR_DYNAMICS = 1 << 2;
const DISABLED = 1 << 13;
const EMITTER = 0;
const HAIR = 2;
const NEWTON = 1;
const BOIDS = 3;
const FLUID = 4;

interface System {
  readonly address: bigint;
  readonly label: string;
  readonly settings: bigint;
  readonly cache: bigint;
  readonly hasDynamics: boolean;
}

interface Settings {
  readonly type: number;
  readonly physics: number;
}

/**
 * Particles that move by physics, and hair that does. Particles without physics and keyed ones can be worked out for
 * any frame. What kind they are stands in their settings, another data block; where these are linked, the file can't
 * tell, and nothing is said of them.
 */
export function particleSystems(findings: Findings, pointCaches: PointCaches): ContentsPart {
  let systems: System[] = [];
  /** Those whose modifier is switched on for rendering. */
  let rendered = new Set<bigint>();
  const unbaked: System[] = [];
  const settings = new Map<bigint, Settings>();

  const simulates = (system: System): boolean => {
    const found = settings.get(system.settings);
    if (found?.type === HAIR) return system.hasDynamics;
    return found?.type === EMITTER && [NEWTON, BOIDS, FLUID].includes(found.physics);
  };

  return {
    structs: {
      ParticleSystem(fields, { owner, address }) {
        const flag = fields.number('flag');
        const label = `particle system "${fields.text('name')}" of ${owner.label}`;
        if ((flag & DISABLED) !== 0 || !findings.mayKeepForOwner(label)) return;
        systems.push({
          address,
          label,
          settings: fields.pointer('part'),
          cache: fields.pointer('pointcache'),
          hasDynamics: (flag & HAIR_DYNAMICS) !== 0,
        });
      },
      ParticleSystemModifierData(fields) {
        if (isRendered(fields) && findings.mayKeepForOwner()) rendered.add(fields.pointer('psys'));
      },
      ParticleSettings(fields, { owner }) {
        if (!findings.mayKeep()) return;
        settings.set(owner.address, { type: fields.number('type'), physics: fields.number('phystype') });
      },
    },
    ownerEnds() {
      for (const system of systems) {
        const counts = rendered.has(system.address);
        const settle = (baked: boolean): void => {
          if (counts && !baked && findings.mayKeep(system.label)) unbaked.push(system);
        };
        pointCaches.addUser({ label: system.label, caches: [system.cache], settle });
      }
      systems = [];
      rendered = new Set();
    },
    fileEnds() {
      for (const system of unbaked) if (simulates(system)) findings.addUnbaked('particles', system.label);
    },
  };
}
