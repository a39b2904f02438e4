import type { FarmDescription } from '../contract/farm-description';
import type { JobTargets } from './choose-targets';

/** Where a farm's jobs go, as its description has it: pure. */
export function farmTargets(farm: FarmDescription): JobTargets {
  const { name: farmName, jobQueue, parallel, gpu, renderDefinitions, allowScripts: allowsScripts } = farm;
  const stitchDefinition = farm.stitchJobDefinition;
  return { farmName, jobQueue, parallel, gpu, renderDefinitions, stitchDefinition, allowsScripts };
}
