import { renderOptionsSchema, type RenderOptions } from '../core/contract/options';
import { describeIssues } from '../core/contract/parse-json';
import { SpotreelError } from '../core/errors';

/** The flags that become options of a render. */
export interface OptionFlags {
  readonly frames?: string;
  readonly scene?: string;
  readonly framesPerSlice?: number;
  readonly resolutionPercent?: number;
  readonly samples?: number;
  readonly engine?: string;
  /** In small letters. */
  readonly device?: string;
  readonly video?: string;
  /** `rrggbb`. */
  readonly background?: string;
  readonly gaps?: string;
  readonly order?: string;
  readonly force?: boolean;
  readonly allowScripts?: boolean;
}

/** Checks flags and leaves out those that were not given. Throws `bad-options` naming the flag at fault. */
export function renderOptionsOf(flags: OptionFlags): RenderOptions {
  const { frames, scene, framesPerSlice, resolutionPercent, samples, engine, video, gaps, order, force } =
    flags;
  const device = flags.device?.toUpperCase();
  const background = flags.background?.toLowerCase();
  const known = {
    frames,
    scene,
    framesPerSlice,
    resolutionPercent,
    samples,
    engine,
    device,
    video,
    background,
    gaps,
    order,
    force,
    allowScripts: flags.allowScripts,
  };
  const given = Object.entries(known);
  const result = renderOptionsSchema.safeParse(
    Object.fromEntries(given.filter(([, value]) => value !== undefined)),
  );
  if (result.success) return result.data;
  throw new SpotreelError('bad-options', 'usage', `options: ${describeIssues(result.error)}`);
}
