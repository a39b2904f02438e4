import { z } from 'zod';

const name = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/,
    'must be 1 to 128 letters, digits, "-" and "_", the first a letter or digit',
  );

const pattern = z.string().max(512, 'must have at most 512 characters').optional();

/** Source: https://docs.aws.amazon.com/batch/latest/APIReference/API_RetryStrategy.html */
export const retryStrategySchema = z.strictObject({
  attempts: z.int().min(1, 'must be 1 to 10').max(10, 'must be 1 to 10'),
  evaluateOnExit: z
    .array(
      z.strictObject({
        action: z.enum(['RETRY', 'EXIT']),
        onExitCode: pattern,
        onReason: pattern,
        onStatusReason: pattern,
      }),
    )
    .max(5, 'must have at most 5 rules')
    .optional(),
});

export const environmentSchema = z.array(z.strictObject({ name: z.string().min(1), value: z.string() }));

/**
 * AWS Batch asks for at least 60 seconds; here any positive number will do, so that a timeout can be tried out.
 * Source: https://docs.aws.amazon.com/batch/latest/userguide/job_timeouts.html
 */
export const timeoutSchema = z.strictObject({
  attemptDurationSeconds: z.number().positive('must be more than 0'),
});

/**
 * A `SubmitJobRequest`, with AWS Batch's limits. Strict: a setting that the local Batch would silently ignore is
 * refused. Used at both doors: when a job is submitted, and when its journal is read.
 *
 * Source: https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html
 */
export const submitJobRequestSchema = z.strictObject({
  jobName: name,
  jobQueue: z.string(),
  jobDefinition: z.string(),
  arrayProperties: z
    .strictObject({ size: z.int().min(2, 'must be 2 to 10,000').max(10_000, 'must be 2 to 10,000') })
    .optional(),
  dependsOn: z
    .array(
      z.strictObject({ jobId: z.string().optional(), type: z.enum(['SEQUENTIAL', 'N_TO_N']).optional() }),
    )
    .max(20, 'must have at most 20 dependencies')
    .optional(),
  containerOverrides: z
    .strictObject({ command: z.array(z.string()).optional(), environment: environmentSchema.optional() })
    .optional(),
  retryStrategy: retryStrategySchema.optional(),
  timeout: timeoutSchema.optional(),
  tags: z
    .record(
      z.string().min(1).max(128, 'must have names of at most 128 characters'),
      z.string().max(256, 'must have values of at most 256 characters'),
    )
    .refine((tags) => Object.keys(tags).length <= 50, 'must be at most 50')
    .optional(),
  propagateTags: z.boolean().optional(),
});

/** The first of a request's faults, with the field it is in. */
export function firstFault(error: z.ZodError): string {
  const [issue] = error.issues;
  return issue === undefined ? error.message : [issue.path.join('.'), issue.message].join(' ').trim();
}
