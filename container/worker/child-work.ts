import type { RetryPlan } from '../../core/contract/retry-plan';
import type { RenderCommand } from '../../core/contract/worker-command';
import { SpotreelError } from '../../core/errors';
import { framesAt } from '../../core/render/frame-range';
import { parseLocation } from '../../core/storage/location';
import { readRetryPlan } from '../../core/storage/read-retries';
import type { Storage } from '../../core/storage/storage';

/** What a child of a render job, or of a retry's, works on. */
export interface ChildWork {
  /** Array index in the render's first array job, after which its report is named. */
  readonly slice: number;
  /** Absent in the first pair of jobs. */
  readonly retry?: RetryPlan;
}

/** From the command and the variables that AWS Batch sets. Throws `no-such-slice`, and what `readRetryPlan` throws. */
export async function childWork(
  { retry: number, output }: RenderCommand,
  { AWS_BATCH_JOB_ARRAY_INDEX }: Readonly<Record<string, string | undefined>>,
  storage: Storage,
): Promise<ChildWork> {
  const index = Number(AWS_BATCH_JOB_ARRAY_INDEX ?? 0);
  if (number === undefined) return { slice: index };
  const retry = await readRetryPlan(parseLocation(output, process.cwd()), number, storage);
  const [slice] = framesAt(retry.slices, index, index);
  if (slice !== undefined) return { slice, retry };
  const message = `retry ${number} of ${output} has no slice for array index ${index}`;
  throw new SpotreelError('no-such-slice', 'usage', message);
}
