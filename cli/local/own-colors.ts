import { resolve } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** Whether the user's environment names an OpenColorIO configuration, which Blender takes in place of its own. */
export const hasOwnColors = ({ OCIO }: Environment): boolean => Boolean(OCIO);

/** The variable for workers, which run in other folders; `ocio://` names a configuration of OpenColorIO's own. */
export function ocioVariable({ OCIO }: Environment): { OCIO?: string } {
  if (!OCIO) return {};
  return { OCIO: OCIO.startsWith('ocio://') ? OCIO : resolve(OCIO) };
}
