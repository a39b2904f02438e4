import * as z from 'zod/mini';
import { MAX_FRAME, MIN_FRAME } from './frames';
import { renderOptionsSchema } from './options';
import { SLICE_ORDERS } from './slices';
import { DISPLAYS } from './video';

/** How bad a finding is: an `error` stops the render before it costs anything. */
const severitySchema = z.lazy(() => z.enum(['error', 'warning', 'note']));

export type Severity = z.infer<typeof severitySchema>;

/** What is wrong with a scene, or was with its render, and how to mend it. */
export const findingSchema = z.lazy(() =>
  z.object({
    /** Stable; see `core/scene/findings/codes.ts`, or `SpotreelError`. */
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

/** Bytes of a name that Linux takes, at most (NAME_MAX); a key of S3 may have 1,024 without a slash. */
const LONGEST_NAME = 255;

// oxlint-disable-next-line no-control-regex -- control characters are the subject
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** Half of a surrogate pair, of which no UTF-8 and no URL can be made. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Why `path` is not the path of a file within the folder that it is relative to; `undefined` if it is one. Such a path has
 * segments joined by `/`, none of them empty, `.` or `..`, no zero byte, and no backslash, which some systems take for a `/`.
 */
export function projectPathFault(path: string): string | undefined {
  if (path.includes('\\')) return 'holds a backslash';
  if (path.includes('\0')) return 'holds a zero byte';
  if (LONE_SURROGATE.test(path)) return 'is no valid Unicode text';
  const segments = path.split('/');
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..'))
    return 'holds an empty name, "." or ".."';
  const isLong = segments.some((segment) => Buffer.byteLength(segment) > LONGEST_NAME);
  return isLong ? `holds a name of more than ${LONGEST_NAME} bytes` : undefined;
}

export const isProjectPath = (path: string): boolean => projectPathFault(path) === undefined;

/** The same for the path of a scene, which stands in messages and logs and so may hold no control characters. */
export function scenePathFault(path: string): string | undefined {
  return projectPathFault(path) ?? (CONTROL.test(path) ? 'holds a control character' : undefined);
}

const frameRangeSchema = z.lazy(() =>
  z
    .object({
      start: z.int().check(z.gte(MIN_FRAME)),
      end: z.int().check(z.lte(MAX_FRAME)),
      step: z.int().check(z.gte(1)),
    })
    .check(z.refine(({ start, end }) => start <= end, 'starts after its end')),
);

/** Ascending, nothing twice. */
export const rangesSchema = z.lazy(() => z.array(frameRangeSchema));

/** Files besides the scene that one render may need: its manifest stays at some megabytes, which each child reads. */
export const MOST_DEPENDENCIES = 20_000;

const NO_PROJECT_PATH = 'must lead to a file below the project, without ".", ".." or a backslash';

/** From the project's root, joined by `/`; never out of it. */
const projectPathSchema = z.lazy(() => z.string().check(z.refine(isProjectPath, NO_PROJECT_PATH)));

const dependencySchema = z.lazy(() =>
  z.object({
    path: projectPathSchema,
    /** Where its bytes lie, wherever that is. */
    url: z.string(),
    size: z.int().check(z.gte(0)),
    /** The version that is meant; absent on a disk. */
    etag: z.optional(z.string()),
    /** When it was last written, ISO 8601, where no ETag tells its versions apart. */
    modified: z.optional(z.string()),
  }),
);

/** A file that a scene needs besides itself. */
export type ManifestDependency = z.infer<typeof dependencySchema>;

/** The plan of a render, written once, before any job is submitted; everything else is read from it. */
export const manifestSchema = z.lazy(() =>
  z.object({
    version: z.literal(1),
    renderId: z.string().check(z.minLength(1)),
    createdAt: z.iso.datetime(),
    /** The `.blend` and the version of it that is rendered. */
    source: z.object({ url: z.string(), etag: z.string(), size: z.int().check(z.gte(0)) }),
    /** As the user gave them. */
    options: renderOptionsSchema,
    /** What this render and those of other cameras were asked for by; absent for a render of its own. */
    group: z.optional(z.string().check(z.minLength(1))),
    /** By whom and for what; absent where nobody said. They are no part of what makes a render the same. */
    tags: z.optional(z.record(z.string(), z.string())),
    /**
     * What the upload that planned the render said it may cost, in US dollars, and when it was uploaded. An upload that repeats the
     * render changes nothing of it. Absent for other renders: `submit` writes a cap only to `caps/`.
     */
    cap: z.optional(z.object({ maxUsd: z.number().check(z.gt(0)), at: z.iso.datetime() })),
    /** Of the Blender that saved the file. */
    blenderVersion: z.object({ major: z.int(), minor: z.int() }),
    /** Of the Blender that it was planned to be rendered by, such as `5.2.3`; absent if unknown. */
    renderBlenderVersion: z.optional(z.string()),
    scene: z.string().check(z.minLength(1)),
    engine: z.string().check(z.minLength(1)),
    /** Of the scene as saved; the worker checks that its Blender has them. Absent in earlier plans, and without colour management. */
    colors: z.optional(z.object({ display: z.string(), view: z.string(), look: z.string() })),
    /** Ascending, no frame twice. */
    frames: z.array(frameRangeSchema).check(z.minLength(1)),
    frameCount: z.int().check(z.gte(1)),
    framesPerSlice: z.int().check(z.gte(1)),
    sliceCount: z.int().check(z.gte(1)),
    /** In which order children take slices (see `sliceOfChild`); ascending where it is absent. */
    sliceOrder: z.optional(z.enum(SLICE_ORDERS)),
    /** Frames per second. */
    frameRate: z.object({ numerator: z.int().check(z.gte(1)), denominator: z.int().check(z.gte(1)) }),
    /** Where the video has the scene's sound; absent where there is none, or where it can't go with these frames. */
    sound: z.optional(z.literal(true)),
    /** Of every frame, in pixels. */
    resolution: z.object({ width: z.int().check(z.gte(1)), height: z.int().check(z.gte(1)) }),
    /** Width of a pixel by its height, in lowest terms; absent for square ones. */
    pixelAspect: z.optional(
      z.object({
        numerator: z.int().check(z.gte(1), z.lte(255)),
        denominator: z.int().check(z.gte(1), z.lte(255)),
      }),
    ),
    /** The display that frames are saved for; absent for those of BT.709. */
    display: z.optional(z.enum(DISPLAYS)),
    /**
     * Where the scene lies in its project. The worker lays out scene and dependencies at their paths below a folder of its
     * own, so that Blender finds them by `//`. Absent in plans of versions that knew no dependencies.
     */
    scenePath: z.optional(projectPathSchema),
    /** Ascending by path, no path twice. */
    dependencies: z.optional(z.array(dependencySchema).check(z.maxLength(MOST_DEPENDENCIES))),
    /** What was found before it was submitted; no errors, unless they were overruled. */
    findings: z.optional(z.array(findingSchema)),
  }),
);

export type Manifest = z.infer<typeof manifestSchema>;
