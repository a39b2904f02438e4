import * as z from 'zod/mini';
import { MAX_FRAME, MIN_FRAME } from './frames';
import { renderOptionsSchema } from './options';
import { PACE_SOURCES, SLICE_ORDERS } from './slices';
import { DISPLAYS } from './video';

/** Severity of a finding: an `error` stops the render before it costs anything. */
const severitySchema = z.lazy(() => z.enum(['error', 'warning', 'note']));

export type Severity = z.infer<typeof severitySchema>;

/** A fault of a scene or of its render, and how to fix it. */
export const findingSchema = z.lazy(() =>
  z.object({
    /** Stable code; see `core/scene/findings/codes.ts`, or `SpotreelError`. */
    code: z.string().check(z.minLength(1)),
    severity: z.optional(severitySchema),
    /** For people: the fault and what to change. Names from a scene are escaped (see `printableName`). */
    message: z.string(),
    /** The path at fault, as written in the scene. Not escaped. */
    path: z.optional(z.string()),
    /** Present if one frame is at fault. */
    frame: z.optional(z.int()),
  }),
);

export type Finding = z.infer<typeof findingSchema>;

/** Most bytes of a name on Linux (NAME_MAX); an S3 key may have 1,024 without a slash. */
const LONGEST_NAME = 255;

// oxlint-disable-next-line no-control-regex -- control characters are the subject
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** Half of a surrogate pair, which has no UTF-8 and no URL. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Why `path` is not the relative path of a file below its folder; `undefined` if it is. Such a path has segments
 * joined by `/`, none of them empty, `.` or `..`, no zero byte and no backslash, a separator on some systems.
 */
export function projectPathFault(path: string): string | undefined {
  if (path.includes('\\')) return 'holds a backslash';
  if (path.includes('\0')) return 'holds a zero byte';
  if (LONE_SURROGATE.test(path)) return 'is not valid Unicode text';
  const segments = path.split('/');
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..'))
    return 'holds an empty name, "." or ".."';
  const isLong = segments.some((segment) => Buffer.byteLength(segment) > LONGEST_NAME);
  return isLong ? `holds a name of more than ${LONGEST_NAME} bytes` : undefined;
}

export const isProjectPath = (path: string): boolean => projectPathFault(path) === undefined;

/** The same for the path of a scene, which messages and logs contain, so control characters are excluded. */
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

/** Ascending, no frame twice. */
export const rangesSchema = z.lazy(() => z.array(frameRangeSchema));

/**
 * Most files besides the scene that one render may need, so that its manifest, which each child reads, has only some
 * megabytes.
 */
export const MOST_DEPENDENCIES = 20_000;

const NO_PROJECT_PATH = 'must lead to a file below the project, without ".", ".." or a backslash';

/** Relative to the project's root, joined by `/`, and below it. */
const projectPathSchema = z.lazy(() => z.string().check(z.refine(isProjectPath, NO_PROJECT_PATH)));

const dependencySchema = z.lazy(() =>
  z.object({
    path: projectPathSchema,
    /** The URL of its content, anywhere. */
    url: z.string(),
    size: z.int().check(z.gte(0)),
    /** The version to use; absent on a disk. */
    etag: z.optional(z.string()),
    /** When it was last written, ISO 8601; for files without an ETag. */
    modified: z.optional(z.string()),
  }),
);

/** A file that a scene needs. */
export type ManifestDependency = z.infer<typeof dependencySchema>;

/** About 30 years, so that sums of damaged numbers stay finite. */
const MOST_SECONDS = 1e9;

/**
 * The plan of a render, written once before any job is submitted. Jobs and commands read the render's properties from
 * it.
 */
export const manifestSchema = z.lazy(() =>
  z.object({
    version: z.literal(1),
    renderId: z.string().check(z.minLength(1)),
    createdAt: z.iso.datetime(),
    /** The `.blend` and its rendered version. */
    source: z.object({ url: z.string(), etag: z.string(), size: z.int().check(z.gte(0)) }),
    /** As the user gave them. */
    options: renderOptionsSchema,
    /** The name that this render shares with the renders of other cameras; absent for a render of its own. */
    group: z.optional(z.string().check(z.minLength(1))),
    /** Cost allocation tags; absent without any. They are not part of the render's identity. */
    tags: z.optional(z.record(z.string(), z.string())),
    /**
     * The cost cap in US dollars of the upload that planned the render, and the time of the upload. A repeated upload
     * does not change it. Absent for other renders: `submit` writes a cap only to `caps/`.
     */
    cap: z.optional(z.object({ maxUsd: z.number().check(z.gt(0)), at: z.iso.datetime() })),
    /** The Blender that saved the file. */
    blenderVersion: z.object({ major: z.int(), minor: z.int() }),
    /** The Blender that was planned to render it, such as `5.2.3`; absent if unknown. */
    renderBlenderVersion: z.optional(z.string()),
    scene: z.string().check(z.minLength(1)),
    engine: z.string().check(z.minLength(1)),
    /**
     * Colour settings of the saved scene. The worker checks that its Blender has them. Absent in earlier plans, and
     * without colour management.
     */
    colors: z.optional(z.object({ display: z.string(), view: z.string(), look: z.string() })),
    /** Ascending, no frame twice. */
    frames: z.array(frameRangeSchema).check(z.minLength(1)),
    frameCount: z.int().check(z.gte(1)),
    framesPerSlice: z.int().check(z.gte(1)),
    sliceCount: z.int().check(z.gte(1)),
    /** What decided the frames per slice (see `Pace`); absent if the number of frames did, or the user. */
    pace: z.optional(
      z.object({
        frameSeconds: z.number().check(z.gte(0), z.lte(MOST_SECONDS)),
        startSeconds: z.number().check(z.gte(0), z.lte(MOST_SECONDS)),
        from: z.enum(PACE_SOURCES),
      }),
    ),
    /** Order of slices (see `sliceOfChild`); ascending if absent. */
    sliceOrder: z.optional(z.enum(SLICE_ORDERS)),
    /** Frames per second. */
    frameRate: z.object({ numerator: z.int().check(z.gte(1)), denominator: z.int().check(z.gte(1)) }),
    /** Present if the video has the scene's sound; absent without sound, or if these frames cannot have it. */
    sound: z.optional(z.literal(true)),
    /** Size of every frame, in pixels. */
    resolution: z.object({ width: z.int().check(z.gte(1)), height: z.int().check(z.gte(1)) }),
    /** Width of a pixel divided by its height, in lowest terms; absent for square pixels. */
    pixelAspect: z.optional(
      z.object({
        numerator: z.int().check(z.gte(1), z.lte(255)),
        denominator: z.int().check(z.gte(1), z.lte(255)),
      }),
    ),
    /** The display that frames are saved for; absent for BT.709. */
    display: z.optional(z.enum(DISPLAYS)),
    /**
     * The scene's path in its project. The worker puts scene and dependencies at their paths in its own folder, so
     * that Blender finds them by `//`. Absent in plans of versions without dependencies.
     */
    scenePath: z.optional(projectPathSchema),
    /** Ascending by path, no path twice. */
    dependencies: z.optional(z.array(dependencySchema).check(z.maxLength(MOST_DEPENDENCIES))),
    /** Findings before the submission; without errors, unless `force` overruled them. */
    findings: z.optional(z.array(findingSchema)),
  }),
);

export type Manifest = z.infer<typeof manifestSchema>;
