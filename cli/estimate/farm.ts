import { describeSpread, warmUsd } from '../../core/cost/prices';
import { machinePools, type RenderPrices, tableRenderPrices } from '../../core/cost/receipt';
import { messageOf, SpotreelError } from '../../core/errors';
import type { Batch } from '../../core/jobs/batch';
import { type FarmDescription, USUAL_FARM } from '../../core/jobs/farm';
import type { Machines } from '../../core/render/options';
import { findPlace } from '../place';
import { findPrices } from '../status/reporters';

/** The size of a farm. */
export interface FarmSize {
  readonly machines: Machines;
  /** Slices at a time; of the GPU queue for a render with `--device gpu`. */
  readonly parallel: number;
  readonly region: string;
  /** Minutes that an idle Spot machine waits for the next job; absent if it does not wait. */
  readonly warmMinutes?: number;
  /** Whether it is deployed: its account can then be asked for prices. */
  readonly isThere: boolean;
  /** Whether scenes may run their scripts there. */
  readonly allowsScripts?: boolean;
  /** Whether its images have a built-in OpenColorIO configuration. */
  readonly hasOcio?: boolean;
  /** Which values are assumed, for people. */
  readonly notes: readonly string[];
}

/** A deployed farm. */
export interface AskedFarm extends FarmSize {
  readonly description: FarmDescription;
  readonly place: { readonly output: URL; readonly batch: Batch; readonly farm: FarmDescription };
}

/** A farm with default settings, if no deployed farm is known. */
export function usualFarm(why: string): FarmSize {
  const { spotVcpus, renderVcpus, instanceTypes, gpuInstanceTypes, ...jobs } = USUAL_FARM;
  return {
    machines: {
      renderVcpus,
      ...jobs,
      instanceTypes: [...instanceTypes],
      gpuInstanceTypes: [...gpuInstanceTypes],
    },
    parallel: Math.floor(spotVcpus / renderVcpus),
    region: 'us-east-1',
    isThere: false,
    notes: [`assuming a farm deployed with default settings (${why})`],
  };
}

/** Looks up a farm. Throws `no-farm`, and faults of AWS. */
export async function askFarmSize(name: string, onGpu: boolean): Promise<AskedFarm> {
  const { output, batch, farm } = await findPlace({ farm: name });
  if (!batch || !farm) throw new SpotreelError('no-farm', 'usage', `there is no farm ${name}`);
  return { ...sizeOf(farm, onGpu), description: farm, place: { output, batch, farm } };
}

/** The size of a farm from its description. Pure. */
export function sizeOf(farm: FarmDescription, onGpu: boolean): FarmSize {
  const usual = usualFarm(
    `farm ${farm.name} was deployed by an earlier version, which does not describe its machines`,
  );
  return {
    machines: farm.machines ?? usual.machines,
    parallel: (onGpu ? farm.gpu?.parallel : undefined) ?? farm.parallel,
    region: farm.region,
    warmMinutes: farm.warmMinutes,
    isThere: true,
    allowsScripts: farm.allowScripts,
    hasOcio: farm.hasOcio,
    notes: farm.machines ? [] : usual.notes,
  };
}

/** Seconds to wait for a farm that the user did not name. */
const PATIENCE_SECONDS = 10;

/** Looks up a farm that may not exist; returns default settings if it is missing or AWS does not answer. */
export async function askFarmIfAny(name: string, onGpu: boolean): Promise<AskedFarm | FarmSize> {
  const timer = new AbortController();
  const late = new Promise<FarmSize>((resolve) => {
    const timeout = setTimeout(
      () => resolve(usualFarm(`AWS has not answered within ${PATIENCE_SECONDS} s`)),
      PATIENCE_SECONDS * 1000,
    );
    timer.signal.addEventListener('abort', () => clearTimeout(timeout));
  });
  const asked = askFarmSize(name, onGpu).catch((error: unknown) =>
    usualFarm(`no farm found: ${messageOf(error)}`),
  );
  try {
    return await Promise.race([asked, late]);
  } finally {
    timer.abort();
  }
}

/** What machines cost that wait for a job after such a render, for people; empty if they do not wait. Pure. */
export function warmNotes(
  { warmMinutes, machines: { renderVcpus } }: FarmSize,
  slicesAtOnce: number,
  { render }: Pick<RenderPrices, 'render'>,
): string[] {
  if (warmMinutes === undefined) return [];
  const usd = describeSpread(warmUsd(render.spot, slicesAtOnce * renderVcpus, warmMinutes));
  return [
    `after the render its machines wait ${warmMinutes} min for the next job (warmMinutes); without one, this adds ${usd}`,
  ];
}

/** Prices for an estimate: the account's Spot prices for a deployed farm, else the built-in table. */
export async function farmPrices(
  { machines, region, isThere }: FarmSize,
  onGpu: boolean,
): Promise<RenderPrices> {
  if (!isThere) return tableRenderPrices(machines, onGpu, region);
  const pools = machinePools(machines, onGpu);
  const [render, stitch] = await Promise.all([
    findPrices(pools.render, region),
    findPrices(pools.stitch, region),
  ]);
  return { render, stitch };
}
