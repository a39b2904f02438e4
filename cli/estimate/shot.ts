import type { RenderOptions } from '../../core/contract/options';
import type { Manifest } from '../../core/contract/manifest';
import { renderIdOf } from '../../core/contract/render-id';
import type { SceneExamination } from '../../core/preflight/examine-scene';
import { digestOfFiles, type Preflight } from '../../core/preflight/preflight';
import { planRender } from '../../core/render/plan';
import { formatLocation } from '../../core/storage/location';
import type { ObjectHead } from '../../core/storage/storage';

/** A scene, what is asked of it, and what was found of it before anything is rendered. */
export interface Shot {
  readonly source: ObjectHead;
  readonly options: RenderOptions;
  readonly examination: SceneExamination;
  readonly checked: Preflight;
}

/** How all of the shot would be rendered where so many slices run at a time: pure. */
export function planShot({ source, options, examination, checked }: Shot, parallel: number): Manifest {
  const { url, etag, size } = source;
  return planRender({
    renderId: 'estimate',
    source: { url: formatLocation(url), etag, size },
    facts: examination.facts,
    options,
    parallel,
    now: new Date(0),
    checked,
  });
}

/** The name of a test of a shot: another one where anything is another that its seconds depend on, `how` among that. Pure. */
export function testName({ source, checked }: Shot, options: RenderOptions, how: string): string {
  const etag = [source.etag, digestOfFiles(checked.files) ?? '', how].join('+');
  return `${renderIdOf({ source: source.url, etag, options })}-estimate`;
}
