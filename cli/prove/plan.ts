import { type ResourceRequirement, retryStrategy, type SubmitJobRequest } from '../../core/jobs/batch';
import type { FarmDescription } from '../../core/jobs/farm';
import { PROBE_SECONDS, type ProbeCommand, workerArgv } from '../../core/jobs/worker';
import { jobTags } from '../../core/render/options';

/** A job of `prove`, before its dependencies have ids. */
export interface PlannedJob {
  /** Also the name of its probe's report. */
  readonly key: string;
  readonly request: SubmitJobRequest;
  /** Key of the job that must succeed first. */
  readonly after?: string;
}

/** The name of everything that one run makes: its folders in the bucket, its upload and its jobs begin with it. */
export const runName = (id: string): string => `prove-${id}`;

/** A probe needs less than a slice. So all probes fit on one machine, and can share its cache. */
const SMALL: readonly ResourceRequirement[] = [
  { type: 'VCPU', value: '1' },
  { type: 'MEMORY', value: '2048' },
];

/** Longest wait for the jobs: jobs that are to be terminated at its end must still run then. */
export const MOST_MINUTES = PROBE_SECONDS / 60 - 1;

/** Children of each array job. */
export const CHILDREN = 2;

/**
 * The jobs that `prove` submits itself, dependencies first, from the farm's own job definitions:
 *
 * - `pair`: an array of two probes, the first of which fails once. It has Spotreel's retry strategy with two attempts
 *   where its definition has one: see `attempts`.
 * - `after`: a probe with the stitch job's definition that waits for `pair`.
 * - `held`: an array of two probes that wait until they are terminated.
 * - `eevee`: renders frame 1 of the scene at `scene` with EEVEE, the scene's own engine.
 * - `blender-<version>`: a probe in each further image.
 * - `gpu` and `after-gpu`: the same as `after`, behind a probe on the GPU queue.
 *
 * `folder` is an S3 location with a trailing slash. `attempts` are those of the oldest definition, if they are known.
 * Pure.
 */
export function planJobs(
  farm: FarmDescription,
  run: string,
  folder: string,
  scene: string,
  attempts?: number,
): PlannedJob[] {
  const [oldest, ...others] = farm.renderDefinitions;
  const { jobDefinition, gpuJobDefinition } = oldest!;
  const shared = (key: string) => ({
    jobName: `${run}-${key.replaceAll('.', '_')}`,
    jobQueue: farm.jobQueue,
    tags: jobTags(run, undefined, farm.name),
    propagateTags: true,
    timeout: { attemptDurationSeconds: PROBE_SECONDS },
  });
  const probe = (
    key: string,
    definition: string,
    flags: Partial<ProbeCommand> = {},
    more: Partial<SubmitJobRequest> = {},
  ): PlannedJob => ({
    key,
    request: {
      ...shared(key),
      jobDefinition: definition,
      containerOverrides: {
        command: workerArgv({ command: 'probe', output: folder, name: key, ...flags }),
        ...(!flags.gpu && { resourceRequirements: SMALL }),
      },
      ...more,
    },
  });
  const array = { arrayProperties: { size: CHILDREN } };
  const pair = attempts === 1 ? { ...array, retryStrategy: retryStrategy(2) } : array;
  const frames = { framesPerSlice: 1, totalFrames: CHILDREN };
  const command = workerArgv({ command: 'render', input: scene, output: `${folder}eevee/`, ...frames });
  return [
    probe('pair', jobDefinition, { failFirst: true }, pair),
    { ...probe('after', farm.stitchJobDefinition), after: 'pair' },
    probe('held', jobDefinition, { hold: true }, array),
    { key: 'eevee', request: { ...shared('eevee'), jobDefinition, containerOverrides: { command } } },
    ...others.map((definition, index) =>
      probe(`blender-${definition.blenderVersion ?? index + 2}`, definition.jobDefinition),
    ),
    ...(farm.gpu && gpuJobDefinition !== undefined
      ? [
          probe('gpu', gpuJobDefinition, { gpu: true }, { jobQueue: farm.gpu.jobQueue }),
          { ...probe('after-gpu', farm.stitchJobDefinition), after: 'gpu' },
        ]
      : []),
  ];
}

/** The upload that becomes a render of two slices with Cycles: metadata, with the names of the long flags. */
export const UPLOAD_METADATA = { frames: '1-2', 'frames-per-slice': '1', engine: 'cycles' } as const;
