import type { Storage } from '../storage/storage';
import { judgeRender, type KnownRender } from './judge-render';
import { readRenderResults, readSliceReasons, type RenderResults } from './render-facts';
import type { RenderState } from './render-state';

/** `judgeRender` on what lies in the folder; of a render that failed without a failed frame, why its slices did. */
export async function judgeWithReasons(
  known: Omit<KnownRender, 'results'>,
  storage: Storage,
  now: number,
): Promise<{ readonly state: RenderState; readonly results: RenderResults }> {
  const results = await readRenderResults(known.records, storage);
  const state = judgeRender({ ...known, results }, now);
  if (state.state !== 'failed' || results.failed > 0 || known.records.status) return { state, results };
  const sliceReasons = await readSliceReasons(known.records.folder, storage);
  return { state: judgeRender({ ...known, results: { ...results, sliceReasons } }, now), results };
}
