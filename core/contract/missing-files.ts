import * as z from 'zod/mini';

/** Files that are named at most; the rest is a number. */
export const MOST_MISSING_FILES = 50;

/** `missing-files.json`: what frames were rendered without, as `--force` allows. Absent where every frame had its files. */
export const missingFilesSchema = z.lazy(() =>
  z.object({
    version: z.literal(1),
    /** Frames that lack at least one file. */
    frames: z.int().check(z.gte(1)),
    /** How many files those are. */
    count: z.int().check(z.gte(1)),
    /** The first of them, as the scene names them. */
    files: z.array(z.string()),
  }),
);

export type MissingFiles = z.infer<typeof missingFilesSchema>;
