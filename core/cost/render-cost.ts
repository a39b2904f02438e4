import type { Machines } from '../contract/machines';
import { tablePrices, type MachinePool, type Spread, type VcpuPrices } from './prices';

/** What machines were held for by slices, in seconds of one job each. */
export interface SliceUsage {
  /** On Spot machines, and on On-Demand ones. */
  readonly spotSeconds: number;
  readonly onDemandSeconds: number;
  /** Of these the jobs that had other vCPUs than the farm's slices have, as a retry can ask for: by how many. */
  readonly resized?: readonly ResizedUsage[];
}

export interface ResizedUsage {
  readonly vcpus: number;
  readonly spotSeconds: number;
  readonly onDemandSeconds: number;
}

/** What machines were held for by a render. */
export interface MachineUsage extends SliceUsage {
  /** The jobs that made the video. */
  readonly stitchSeconds: number;
}

/** Prices of what one render runs on. */
export interface RenderPrices {
  /** Of a slice, with a GPU where the render asks for one, and of the stitch job. */
  readonly render: VcpuPrices;
  readonly stitch: VcpuPrices;
}

/** What a render has cost, in US dollars: a reckoning, not the bill (see `NOT_IN_COST`). */
export interface RenderCost {
  readonly usd: Spread;
  /** Of these. */
  readonly spot: Spread;
  readonly onDemand: Spread;
  readonly stitch: Spread;
  readonly prices: Pick<VcpuPrices, 'source' | 'at' | 'region' | 'notes'>;
}

/** What a reckoning by seconds of jobs does not see, for people. */
export const NOT_IN_COST =
  'not in it: starting of machines, parts of machines that no job uses, disks, public addresses, storage, requests, logs, transfer, tax';

/** What slices and the stitch job run on: pure. A render that asks for GPUs of a farm without any has machines of neither. */
export function machinePools(machines: Machines, onGpu: boolean): Record<keyof RenderPrices, MachinePool> {
  const { renderVcpus, stitchVcpus, instanceTypes, gpuInstanceTypes = [] } = machines;
  return {
    render: onGpu
      ? { instanceTypes: gpuInstanceTypes, vcpus: renderVcpus, gpu: true }
      : { instanceTypes, vcpus: renderVcpus, gpu: false },
    stitch: { instanceTypes, vcpus: stitchVcpus, gpu: false },
  };
}

/** Prices of the built-in table for a render: pure. */
export function tableRenderPrices(machines: Machines, onGpu: boolean, region: string): RenderPrices {
  const { render, stitch } = machinePools(machines, onGpu);
  return { render: tablePrices(render, region), stitch: tablePrices(stitch, region) };
}

/** What so much time of machines costs: pure. The job that makes the video runs on Spot machines. */
export function renderCost(
  usage: MachineUsage,
  { renderVcpus, stitchVcpus }: Pick<Machines, 'renderVcpus' | 'stitchVcpus'>,
  prices: RenderPrices,
): RenderCost {
  const { source, at, region } = prices.render;
  const { resized = [] } = usage;
  const vcpuHours = (kind: 'spotSeconds' | 'onDemandSeconds'): number =>
    resized.reduce(
      (sum, one) => sum + hours(one[kind]) * (one.vcpus - renderVcpus),
      hours(usage[kind]) * renderVcpus,
    );
  const spot = times(prices.render.spot, vcpuHours('spotSeconds'));
  const onDemand = times(prices.render.onDemand, vcpuHours('onDemandSeconds'));
  const stitch = times(prices.stitch.spot, hours(usage.stitchSeconds) * stitchVcpus);
  return {
    usd: plus(plus(spot, onDemand), stitch),
    spot,
    onDemand,
    stitch,
    prices: { source, at, region, notes: [...new Set([...prices.render.notes, ...prices.stitch.notes])] },
  };
}

const hours = (seconds: number): number => seconds / 3600;

function times({ low, middle, high }: Spread, factor: number): Spread {
  return { low: low * factor, middle: middle * factor, high: high * factor };
}

function plus(a: Spread, b: Spread): Spread {
  return { low: a.low + b.low, middle: a.middle + b.middle, high: a.high + b.high };
}
