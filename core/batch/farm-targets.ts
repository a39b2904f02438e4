import type { FarmDescription } from '../contract/farm-description';
import type { JobTargets } from './choose-targets';

/** Where a farm's jobs go, as its description has it: pure. */
export function farmTargets(farm: FarmDescription): JobTargets {
  const { jobQueue, parallel, gpu, renderDefinitions, stitchJobDefinition: stitchDefinition } = farm;
  const { allowScripts: allowsScripts } = farm;
  return { jobQueue, parallel, gpu, renderDefinitions, stitchDefinition, allowsScripts };
}
