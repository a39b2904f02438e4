import type { Batch } from '../batch/batch';
import { SALVAGE_SECONDS } from '../contract/salvage';
import type { Storage } from '../storage/storage';
import { isGoingHere } from './is-going-here';
import { isFinal } from './judge-render';
import { readJobRecords } from './render-facts';

/** Where a render lies, and who may be asked about it. */
interface AskedRender {
  readonly folder: URL;
  readonly storage: Storage;
  /** AWS Batch; absent on this machine. */
  readonly batch?: Batch | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * Whether nothing more will come of a render, for who looks often: no frames are listed for it. On this machine: nobody is at it or will be. In
 * a bucket: its `status.json` says all there will be. That the job failed which was to make a video of what there is, stands there
 * not; AWS Batch is asked.
 */
export async function hasEnded({ folder, storage, batch, now }: AskedRender): Promise<boolean> {
  if (folder.protocol === 'file:') return !isGoingHere(folder);
  const records = await readJobRecords(folder, storage);
  if (isFinal(records, now())) return true;
  const { status, salvage } = records;
  if (!batch || !status || salvage?.jobId === undefined) return false;
  // Who may read the bucket, and not ask AWS Batch, waits for the status.
  const details = await batch.describeJobs([salvage.jobId]).catch(() => undefined);
  if (!details || now() - Date.parse(status.at) < SALVAGE_SECONDS * 1000) return false;
  return details.every((job) => job.status === 'FAILED');
}
