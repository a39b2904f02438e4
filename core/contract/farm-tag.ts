/**
 * The tag that everything of a farm carries, its machines and jobs too. The budget filters by it, once it is switched on as a
 * cost allocation tag; the fault-injection experiment finds machines by it; the Lambdas may terminate only jobs that have it.
 */
export const FARM_TAG = 'spotreel:farm';
