export type { FarmSettings } from '../lib/farm-settings';
export { SpotreelFarm, type SpotreelFarmProps } from '../lib/spotreel-farm';
