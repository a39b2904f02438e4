/**
 * The user that workers run as in their containers, by number, because that is what the host's firewall knows them by.
 * The image makes a user of this number and hands it `/scratch`.
 */
export const WORKER_UID = 10_001;

/** The folder of the machine in which its watcher puts the Spot notice, and where containers see it, read-only. */
export const HOST_FOLDER = '/run/spotreel';
export const HOST_FOLDER_IN_CONTAINER = '/spotreel/host';
export const SPOT_NOTICE_IN_CONTAINER = `${HOST_FOLDER_IN_CONTAINER}/spot-notice.json`;

/**
 * The folder of the machine in which workers share scenes and their files. Nobody but root can list it, and entries are
 * named by what they hold (see the worker's `FileCache`), so that a scene finds in it only what it knows already.
 */
export const CACHE_FOLDER = '/var/lib/spotreel/cache';
export const CACHE_FOLDER_IN_CONTAINER = '/spotreel/cache';

/** The only places where a worker can write, besides the cache. */
export const SCRATCH_FOLDER = '/scratch';
export const TMP_FOLDER = '/tmp';
