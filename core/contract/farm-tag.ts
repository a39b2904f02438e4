/**
 * The tag that everything of a farm carries, its machines too. It is what the budget filters by, once it is switched on
 * as a cost-allocation tag, and what the fault-injection experiment finds machines by.
 */
export const FARM_TAG = 'spotreel:farm';
