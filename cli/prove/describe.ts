import { describePrices, describeSpread, type Spread, type VcpuPrices } from '../../core/cost/prices';
import { tableRenderPrices } from '../../core/cost/receipt';
import type { FarmDescription } from '../../core/jobs/farm';
import { printable } from '../../core/text';
import type { ProveCheck } from './facts';
import { CHILDREN } from './plan';

/** vCPUs of all probes that run at a time, one each, without those for GPUs. */
const PROBES = 2 * CHILDREN + 1;

/** Slices with EEVEE and Cycles. */
const SLICES = CHILDREN + 1;

/** Assumption: minutes in which the jobs hold their vCPUs, in a quick run and usually. */
const USUAL_MINUTES = { low: 2, middle: 5 };

/** What a run costs, in one line. The highest figure is full price for the whole wait. Pure. */
export function describeCost(farm: FarmDescription, minutes: number): string {
  const { machines, region, gpu, renderDefinitions } = farm;
  if (!machines) return 'it costs some minutes of small machines; deploy the farm again to see an estimate';
  const { render, stitch } = tableRenderPrices(machines, false, region);
  const probes = PROBES + renderDefinitions.length - 1;
  const parts = [
    costOf(render, probes + SLICES * machines.renderVcpus, minutes),
    costOf(stitch, machines.stitchVcpus, minutes),
    ...(gpu ? [costOf(tableRenderPrices(machines, true, region).render, machines.renderVcpus, minutes)] : []),
  ];
  const sum = (kind: keyof Spread) => parts.reduce((total, part) => total + part[kind], 0);
  const spread = { low: sum('low'), middle: sum('middle'), high: sum('high') };
  return `it costs ${describeSpread(spread)} (an estimate, ${describePrices(render)}, without idle machines)`;
}

function costOf({ spot, onDemand }: VcpuPrices, vcpus: number, minutes: number): Spread {
  const of = (usd: number, time: number) => (usd * vcpus * time) / 60;
  const { low, middle } = USUAL_MINUTES;
  return {
    low: of(spot.low, Math.min(low, minutes)),
    middle: of(spot.middle, Math.min(middle, minutes)),
    high: of(onDemand.high, minutes),
  };
}

/** How a run ends: its output, and the exit code 1 if a check failed or anything is left. Pure. */
export function conclude(
  farm: string,
  checks: readonly ProveCheck[],
  left: readonly string[],
  json = false,
): { readonly output: string; readonly exitCode: number } {
  const isFine = left.length === 0 && checks.every(({ state }) => state !== 'failed');
  const output = json ? JSON.stringify({ farm, checks, left }) : describeProof(checks);
  return { output, exitCode: isFine ? 0 : 1 };
}

/** One line for each check, and one for its fix. Pure. */
export function describeProof(checks: readonly ProveCheck[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, state, found, fix }) => [
    `${state.padEnd(8)} ${name.padEnd(width)}  ${found}`,
    ...(fix === undefined ? [] : [`${' '.repeat(width + 11)}${fix}`]),
  ]);
  const count = (state: ProveCheck['state']) => checks.filter((check) => check.state === state).length;
  const counts = (['ok', 'failed', 'skipped'] as const).map((state) => `${count(state)} ${state}`);
  return printable([...lines, counts.join(', ')].join('\n'));
}
