/** Engines of Blender that a user may choose, by Blender's identifiers. EEVEE has the second one in Blender 4.2 to 4.5. */
export const ENGINES = ['CYCLES', 'BLENDER_EEVEE', 'BLENDER_EEVEE_NEXT', 'BLENDER_WORKBENCH'] as const;

export type Engine = (typeof ENGINES)[number];

/** What messages say about a value that is no engine. */
export const ENGINES_ALLOWED = 'cycles, eevee or workbench';

/**
 * The identifier of the engine that `text` names in any case, with or without `BLENDER_` in front: `cycles`, `eevee`,
 * `Blender_Workbench`. `undefined` for an unknown engine.
 */
export function engineOf(text: string): Engine | undefined {
  const id = text.trim().toUpperCase();
  return ENGINES.find((engine) => engine === id || engine === `BLENDER_${id}`);
}
