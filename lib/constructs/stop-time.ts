/** Seconds that a machine gives a container between SIGTERM and SIGKILL, also when EC2 takes the machine back. */
export const STOP_TIMEOUT_SECONDS = 90;

/** Seconds of these in which a worker may finish and store the frame in flight; the rest is for its last words. */
export const FINISH_SECONDS = STOP_TIMEOUT_SECONDS - 10;
