import { exitCodeOf, EXIT } from '../../core/contract/exit-codes';
import { stitchRecordUrl } from '../../core/contract/keys';
import { stitchRecordSchema, type StitchRecord } from '../../core/contract/stitch-record';
import { messageOf } from '../../core/errors';
import { readRecord } from '../../core/storage/read-record';
import type { WorkerContext } from './worker-context';

/**
 * Notes in `stitch.json` how long `work` takes, after the attempts that were before it: its machine has to be paid. No video
 * is lost for it: what can't be noted is said in the log.
 */
export async function recordStitch(
  folder: URL,
  { storage, now, say }: Pick<WorkerContext, 'storage' | 'now' | 'say'>,
  work: () => Promise<void>,
): Promise<void> {
  const url = stitchRecordUrl(folder);
  const startedAt = now().toISOString();
  const noted = async (note: () => Promise<void>): Promise<void> => {
    await note().catch((error: unknown) => {
      const line = `stitch.json does not tell of this attempt: ${messageOf(error)}`;
      say({ event: 'output', program: 'worker', line });
    });
  };
  let before: StitchRecord['attempts'] = [];
  const write = async (end: Partial<StitchRecord['attempts'][number]>): Promise<void> => {
    const record: StitchRecord = { version: 1, attempts: [...before, { startedAt, ...end }] };
    await storage.put(url, JSON.stringify(record), { contentType: 'application/json' });
  };
  await noted(async () => {
    before = (await readRecord(stitchRecordSchema, url, storage))?.attempts ?? [];
    await write({});
  });
  const end = (exitCode: number) => noted(() => write({ stoppedAt: now().toISOString(), exitCode }));
  try {
    await work();
  } catch (error) {
    await end(exitCodeOf(error));
    throw error;
  }
  await end(EXIT.done.code);
}
