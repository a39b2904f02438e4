import { engineOf, ENGINES_ALLOWED } from '../core/contract/engines';
import { renderOptionsSchema, type RenderOptions } from '../core/contract/options';
import { describeIssues } from '../core/contract/parse-json';
import { SpotreelError } from '../core/errors';
import { printableName } from '../core/printable';

/** The flags that become options of a render. */
export interface OptionFlags {
  readonly frames?: string;
  readonly scene?: string;
  /** Names, names with commas between them, or `all`. */
  readonly camera?: readonly string[];
  /** A path as the user writes it, or `ocio://name`; `colors` of `cli/ocio-flag.ts` makes the option of it. */
  readonly ocio?: string;
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
  const { frames, scene, framesPerSlice, resolutionPercent, samples, video, gaps, order, force } = flags;
  // Given once it may be the name of one camera, with commas in it.
  const camera = flags.camera?.join(',');
  const engine = readEngine(flags.engine);
  const device = flags.device?.toUpperCase();
  const background = flags.background?.toLowerCase();
  const known = {
    frames,
    scene,
    camera,
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

function readEngine(text: string | undefined): RenderOptions['engine'] {
  const engine = text === undefined ? undefined : engineOf(text);
  if (text === undefined || engine) return engine;
  const message = `--engine ${printableName(text)}: unknown engine; give ${ENGINES_ALLOWED}`;
  throw new SpotreelError('bad-options', 'usage', message);
}
