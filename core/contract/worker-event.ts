import { z } from 'zod';

/** What a worker says on its standard output: one JSON object a line, so that machines and people can both follow it. */
export const workerEventSchema = z.discriminatedUnion('event', [
  /** Blender has begun the frame. */
  z.object({ event: z.literal('frame-started'), frame: z.int() }),
  /** Blender is so far with the frame; told now and then. */
  z.object({
    event: z.literal('frame-progress'),
    frame: z.int(),
    sample: z.int(),
    samples: z.int(),
    memoryMib: z.number().optional(),
  }),
  /** The frame is whole and in storage. */
  z.object({ event: z.literal('frame-stored'), frame: z.int(), seconds: z.number() }),
  /** The frame was in storage already, and whole. */
  z.object({ event: z.literal('frame-kept'), frame: z.int() }),
  /** One try of the frame failed; `final` when there will be no other. */
  z.object({
    event: z.literal('frame-failed'),
    frame: z.int(),
    reason: z.string(),
    final: z.boolean(),
    /** Files that it lacks, the first of them; absent where it failed for another reason. */
    missing: z.array(z.string()).optional(),
  }),
  /** So many frames of the video are encoded. */
  z.object({ event: z.literal('stitching'), frames: z.int(), total: z.int() }),
  /** A line for the log: Blender's or ffmpeg's own output, or what the worker has to say besides. */
  z.object({
    event: z.literal('output'),
    program: z.enum(['blender', 'ffmpeg', 'worker']),
    line: z.string(),
  }),
  /** What a video lacks that was made all the same. */
  z.object({ event: z.literal('warning'), code: z.string(), message: z.string() }),
  /** Why the worker ends with an exit code other than 0. */
  z.object({ event: z.literal('error'), code: z.string(), message: z.string() }),
]);

export type WorkerEvent = z.infer<typeof workerEventSchema>;

/** The event that a line of a worker's output holds; `undefined` for any other line. */
export function parseWorkerEvent(line: string): WorkerEvent | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return workerEventSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
