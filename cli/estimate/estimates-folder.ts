/** Where test frames lie unless a user says otherwise: not among the renders, which `status` and `list` look at. */
export const ESTIMATES = 'estimates';

/** How many frames are tested at least unless a user says otherwise. */
export const TEST_FRAMES = 3;
