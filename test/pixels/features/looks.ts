import { equal, type Feature } from '../feature';

/** Engines, shading, geometry, view layers, colour. */
export const LOOKS: readonly Feature[] = [
  equal('eevee'),
  equal('workbench'),
  equal('volumetrics'),
  equal('geometry'),
  equal('deformation'),
  equal('grease-pencil'),
  equal('freestyle'),
  equal('view-layers'),
  equal('collections-and-masks'),
  equal('compositor-grading'),
  equal('compositor-only'),
  equal('compositor-still'),
  equal('alpha-16-bits'),
  equal('grey-dithered'),
  equal('colour-filmic'),
  equal('colour-agx', { from: [4, 0] }),
  equal('colour-curves'),
];
