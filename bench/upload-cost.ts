import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Batch } from '../core/jobs/batch';
import { S3Storage } from '../core/storage/s3-storage';
import { childUrl, keyUrl } from '../core/storage/storage';
import { submitUpload } from '../lambda/submit-render/submit-upload';
import { RecordingBatch } from '../test/support/recording-batch';
import { startS3Emulator } from '../test/support/s3-emulator';
import { run } from './measure';
import { ROOT } from './ways';

/** The requests of one upload to AWS. */
export interface UploadCost {
  readonly frames: number;
  readonly s3Calls: number;
  readonly batchCalls: number;
  /** Of objects' content. */
  readonly bytesRead: number;
}

/** The submit Lambda's use case for a scene of so many frames, with moto as S3. Throws unless it submits two jobs. */
export async function uploadCost(frames: number, folder: string): Promise<UploadCost> {
  const scene = join(folder, `${frames}.blend`);
  const changes = [
    'import bpy',
    'bpy.context.scene.frame_start = 1',
    `bpy.context.scene.frame_end = ${frames}`,
    `bpy.ops.wm.save_as_mainfile(filepath=${JSON.stringify(scene)}, compress=True)`,
  ];
  await run(['blender', '-b', join(ROOT, 'examples/clock.blend'), '--python-expr', changes.join('\n')]);
  const s3 = await startS3Emulator('films');
  try {
    const bucket = keyUrl('s3:', s3.bucket, '');
    const key = 'uploads/film.blend';
    const uploader = new S3Storage(s3.client);
    await uploader.put(childUrl(bucket, key), await readFile(scene));
    const { etag, size } = (await uploader.head(childUrl(bucket, key)))!;
    const counted = { s3Calls: 0, batchCalls: 0, bytesRead: 0 };
    const client = s3.clientWith({});
    countCalls(client, counted);
    const batch = new RecordingBatch();
    const outcome = await submitUpload(
      { bucket: s3.bucket, key, etag, size },
      {
        storage: new S3Storage(client),
        loadBatch: async () => counting(batch, () => (counted.batchCalls += 1)),
        jobQueue: 'queue',
        renderDefinitions: [{ jobDefinition: 'render' }],
        stitchDefinition: 'stitch',
        bucket,
        output: childUrl(bucket, 'renders/'),
        parallel: 64,
        region: 'us-east-1',
        now: () => new Date(),
        claim: { owner: 'bench', staleAfterSeconds: 210 },
        notify: async () => undefined,
      },
    );
    if (outcome.outcome !== 'submitted' || batch.jobs.length !== 2) {
      throw new Error(`${frames} frames were not submitted: ${JSON.stringify(outcome)}`);
    }
    return { frames, ...counted };
  } finally {
    await s3.stop();
  }
}

/** Counts sent requests and received bytes of objects. */
function countCalls(client: S3Client, counted: { s3Calls: number; bytesRead: number }): void {
  client.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        counted.s3Calls += 1;
        const answer = await next(args);
        if (commandName === 'GetObjectCommand')
          counted.bytesRead += Number(Object(answer.output).ContentLength);
        return answer;
      },
    { step: 'finalizeRequest', priority: 'low', name: 'countCalls' },
  );
}

function counting(batch: Batch, count: () => void): Batch {
  return new Proxy(batch, {
    get: (target, property) => {
      const member: unknown = Reflect.get(target, property, target);
      if (typeof member !== 'function') return member;
      const bound: (...args: unknown[]) => unknown = member.bind(target);
      return (...args: unknown[]) => {
        count();
        return bound(...args);
      };
    },
  });
}
