import type { Machines } from '../core/contract/machines';
import type { Settings } from './settings-schema';

/** Of what size a farm's jobs are and what they run on, as their cost is reckoned by it. */
export function farmMachines(settings: Settings): Machines {
  const { renderVcpus, stitchVcpus, instanceTypes, gpuVcpus, gpuInstanceTypes } = settings;
  return {
    renderVcpus,
    stitchVcpus,
    instanceTypes: [...instanceTypes],
    ...(gpuVcpus > 0 && { gpuInstanceTypes: [...gpuInstanceTypes] }),
  };
}
