import * as z from 'zod/mini';

/** How bad a finding is: an `error` stops the render before it costs anything. */
const severitySchema = z.lazy(() => z.enum(['error', 'warning', 'note']));

export type Severity = z.infer<typeof severitySchema>;

/** What is wrong with a scene, or was with its render, and how to mend it. */
export const findingSchema = z.lazy(() =>
  z.object({
    /** Stable; see `core/preflight/finding-codes.ts`, or `SpotreelError`. */
    code: z.string().check(z.minLength(1)),
    severity: z.optional(severitySchema),
    /** For people: what is wrong and what to change. Names out of a scene are escaped (see `printableName`). */
    message: z.string(),
    /** The path at fault, as written in the scene. Not escaped. */
    path: z.optional(z.string()),
    /** Where one frame is at fault. */
    frame: z.optional(z.int()),
  }),
);

export type Finding = z.infer<typeof findingSchema>;
