import * as z from 'zod/mini';

/** Names as in the settings: families or types. */
const instanceTypes = z.lazy(() => z.array(z.string().check(z.minLength(1))).check(z.minLength(1)));

/** Of what size a farm's jobs are and which machines they may run on: what their cost is reckoned by. */
export const machinesSchema = z.lazy(() =>
  z.object({
    /** Of one slice, and of the job that makes the video. */
    renderVcpus: z.int().check(z.gte(1)),
    stitchVcpus: z.int().check(z.gte(1)),
    /** Families (`m6i`) or types (`m6i.2xlarge`). */
    instanceTypes,
    /** Only where the farm has GPUs. */
    gpuInstanceTypes: z.optional(instanceTypes),
  }),
);

export type Machines = Readonly<z.infer<typeof machinesSchema>>;
