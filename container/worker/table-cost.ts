import type { Manifest } from '../../core/contract/manifest';
import { machinesSchema } from '../../core/contract/machines';
import { parseJson } from '../../core/contract/parse-json';
import {
  renderCost,
  tableRenderPrices,
  type MachineUsage,
  type RenderCost,
} from '../../core/cost/render-cost';
import { SpotreelError } from '../../core/errors';

/**
 * What a render has cost by the built-in table, as a job has no right to ask EC2; `undefined` where its job definition does
 * not tell the farm's machines (`SPOTREEL_MACHINES`, JSON), as on one's own machine, where nobody is paid. Throws
 * `bad-machines`.
 */
export function tableCost(
  usage: MachineUsage,
  { options }: Pick<Manifest, 'options'>,
  { SPOTREEL_MACHINES, AWS_REGION = 'unknown' }: NodeJS.ProcessEnv,
): RenderCost | undefined {
  if (SPOTREEL_MACHINES === undefined) return undefined;
  const machines = parseJson(machinesSchema, Buffer.from(SPOTREEL_MACHINES), (reason) => {
    const message = `SPOTREEL_MACHINES of the job definition does not tell the farm's machines (${reason}): deploy again`;
    return new SpotreelError('bad-machines', 'usage', message);
  });
  return renderCost(usage, machines, tableRenderPrices(machines, options.device === 'GPU', AWS_REGION));
}
