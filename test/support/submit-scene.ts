import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RenderDefinition } from '../../core/jobs/farm';
import type { RenderRequest, SubmitServices } from '../../core/jobs/submit';
import { MemoryStorage } from './memory-storage';
import { RecordingBatch } from './recording-batch';

/** A scene that Blender 3.4 saved. */
export const SCENE = readFileSync(join(__dirname, '../fixtures/blend/3.4-zstd.blend'));
export const SOURCE = new URL('memory://films/uploads/my%20shot.blend');

/** A scene in a bucket, a Batch that accepts jobs, and the settings of the submit use case. */
export async function setUpSubmit() {
  const storage = new MemoryStorage();
  await storage.put(SOURCE, SCENE);
  const batch = new RecordingBatch();
  const services: SubmitServices = {
    storage,
    batch,
    jobQueue: 'queue',
    parallel: 2,
    renderDefinitions: [{ jobDefinition: 'render' }],
    stitchDefinition: 'stitch',
    now: () => new Date(0),
  };
  const request: RenderRequest = {
    source: (await storage.head(SOURCE))!,
    output: new URL('memory://films/renders/'),
    options: { frames: '1-20', framesPerSlice: 8 },
    reuse: 'any',
  };
  return { storage, batch, services, request };
}

/** A farm with these Blenders, `render 5.2.0` the name of the job definition of 5.2.0. */
export function withBlenders(...versions: string[]): { readonly renderDefinitions: RenderDefinition[] } {
  return {
    renderDefinitions: versions.map((blenderVersion) => ({
      blenderVersion,
      jobDefinition: `render ${blenderVersion}`,
    })),
  };
}
