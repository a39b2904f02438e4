import * as z from 'zod/mini';

/** A job definition that renders, and the Blender in its image. */
const renderDefinitionSchema = z.lazy(() =>
  z.object({
    /** Full version, such as `5.2.3`; absent if the content of a given image is unknown. */
    blenderVersion: z.optional(z.string().check(z.minLength(1))),
    /** Name or ARN. */
    jobDefinition: z.string().check(z.minLength(1)),
    /** The same on a machine with a GPU; only where the farm has some. */
    gpuJobDefinition: z.optional(z.string().check(z.minLength(1))),
  }),
);

export type RenderDefinition = Readonly<z.infer<typeof renderDefinitionSchema>>;

/** The job definitions that a farm renders by, one a Blender, the oldest first. */
export const renderDefinitionsSchema = z.lazy(() => z.array(renderDefinitionSchema).check(z.minLength(1)));
