import { threadFactor } from '../../core/cost/estimate';
import { isOnGpu, USUAL_FARM } from '../../core/jobs/farm';
import type { Manifest } from '../../core/render/manifest';
import { type EarlierRenders, findPace } from '../../core/render/render';
import type { Pace } from '../../core/render/slices';
import { formatLocation, type Storage } from '../../core/storage/storage';
import { divideMachine, threadsOf } from '../local/farm';
import { localFolder } from '../place';
import { ESTIMATES, type Shot } from './test-shot';

/**
 * How long the frames of a farm's plan take there. In this order: measured on the farm with the same file, estimated on
 * this machine with the same file, measured on the farm with another version of the file. `output` is the farm's folder
 * of renders, `renderVcpus` the vCPUs of its slices. Slices of earlier renders count as if they had as many.
 * `earlier` saves requests for further cameras.
 */
export async function paceOnFarm(
  plan: Manifest,
  output: URL,
  shot: Pick<Shot, 'source' | 'options'>,
  renderVcpus: number | undefined,
  storage: Storage,
  earlier?: EarlierRenders,
): Promise<Pace | undefined> {
  const there = await findPace(plan, output, storage, earlier);
  if (there?.isOfSameFile) return there;
  return (await paceHere(plan, shot, renderVcpus, storage, earlier)) ?? there;
}

/**
 * From an estimate of the same file in the current folder's `estimates`. Assumes that it used the default threads of this
 * machine, and that a vCPU is as fast as a thread.
 */
async function paceHere(
  plan: Manifest,
  { source, options }: Pick<Shot, 'source' | 'options'>,
  renderVcpus: number = USUAL_FARM.renderVcpus,
  storage: Storage,
  earlier: EarlierRenders | undefined,
): Promise<Pace | undefined> {
  const { url, etag, size } = source;
  const here = { ...plan, source: { url: formatLocation(url), etag, size } };
  const found = await findPace(here, localFolder(ESTIMATES), storage, earlier);
  if (!found?.isOfSameFile) return undefined;
  const threads = threadsOf(divideMachine(undefined, options.threads), found.sliceCount);
  const factor = isOnGpu(options) ? 1 : threadFactor(threads, options.threads ?? renderVcpus);
  return { ...found, frameSeconds: found.frameSeconds * factor };
}
