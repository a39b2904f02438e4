import * as z from 'zod/mini';
import { machinesSchema } from './machines';
import { renderDefinitionsSchema } from './render-definitions';

/** A queue beside the usual one, and how many slices it can render at once. */
const queueSchema = z.lazy(() =>
  z.object({ jobQueue: z.string().check(z.minLength(1)), parallel: z.int().check(z.gte(1)) }),
);

/** What a deployed farm is made of: the value of its SSM parameter, from which the command line finds everything. */
export const farmDescriptionSchema = z.lazy(() =>
  z.object({
    version: z.literal(1),
    name: z.string().check(z.minLength(1)),
    region: z.string().check(z.minLength(1)),
    bucket: z.string().check(z.minLength(1)),
    /** Key prefixes with their trailing slash. */
    uploadPrefix: z.string().check(z.endsWith('/')),
    outputPrefix: z.string().check(z.endsWith('/')),
    /** Where it looks for what renders may cost; absent where an earlier version was deployed, which looks nowhere. */
    capPrefix: z.optional(z.string().check(z.endsWith('/'))),
    /** ARN, as are the job definitions, which name their revision. */
    jobQueue: z.string().check(z.minLength(1)),
    renderDefinitions: renderDefinitionsSchema,
    stitchJobDefinition: z.string().check(z.minLength(1)),
    /** Only where the farm has GPUs: the queue of the machines that have them. */
    gpu: z.optional(queueSchema),
    /** Only where the farm has On-Demand machines: their queue. */
    onDemand: z.optional(queueSchema),
    /** How many slices the farm can render at once. */
    parallel: z.int().check(z.gte(1)),
    /** Only where scenes may run their scripts. */
    allowScripts: z.optional(z.literal(true)),
    /** Only where its images have an OpenColorIO configuration built in. */
    hasOcio: z.optional(z.literal(true)),
    /** What the cost is reckoned by; absent in the description of a farm that an earlier version deployed. */
    machines: z.optional(machinesSchema),
    /** Name of the log group of all jobs; a job's `logStreamName` lies in it. */
    logGroup: z.string().check(z.minLength(1)),
    topicArn: z.string().check(z.minLength(1)),
  }),
);

export type FarmDescription = z.infer<typeof farmDescriptionSchema>;

/** The name of the SSM parameter that holds the description of a farm. */
export const farmParameterName = (farmName: string): string => `/spotreel/${farmName}`;
