export type { FarmSettings } from '../lib/settings/farm-settings';
export { SpotreelFarm, type SpotreelFarmProps } from '../lib/constructs/spotreel-farm';
