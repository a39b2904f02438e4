import { z } from 'zod';

/** A queue and what is submitted to it. */
const gpuSchema = z.object({
  jobQueue: z.string().min(1),
  renderJobDefinition: z.string().min(1),
});

/** What a deployed farm is made of: the value of its SSM parameter, from which the command line finds everything. */
export const farmDescriptionSchema = z.object({
  version: z.literal(1),
  name: z.string().min(1),
  region: z.string().min(1),
  bucket: z.string().min(1),
  /** Key prefixes with their trailing slash. */
  uploadPrefix: z.string().endsWith('/'),
  outputPrefix: z.string().endsWith('/'),
  /** ARN, as are the job definitions, which name their revision. */
  jobQueue: z.string().min(1),
  renderJobDefinition: z.string().min(1),
  stitchJobDefinition: z.string().min(1),
  /** Only where the farm has GPUs. */
  gpu: gpuSchema.optional(),
  /** Of the image that the deploy built, such as `5.2.0`; absent where the image was given. */
  blenderVersion: z.string().min(1).optional(),
  /** How many slices the farm can render at once. */
  parallel: z.int().min(1),
  /** Name of the log group of all jobs; a job's `logStreamName` lies in it. */
  logGroup: z.string().min(1),
  topicArn: z.string().min(1),
});

export type FarmDescription = z.infer<typeof farmDescriptionSchema>;

/** The name of the SSM parameter that holds the description of a farm. */
export const farmParameterName = (farmName: string): string => `/spotreel/${farmName}`;
