import * as z from 'zod/mini';
import { OUTPUT_PREFIX } from '../core/contract/keys';
import { describeIssues, parseJson, type Schema } from '../core/contract/parse-json';
import { UPLOAD_PREFIX } from '../core/contract/upload-key';
import { SpotreelError } from '../core/errors';

/** What both Lambdas are told by their environment variables. */
export const commonEnvironment = z.object({
  /** The bucket's name. */
  BUCKET: z.string().check(z.minLength(3)),
  /** The folder of the bucket under which each render has its own. Not within uploads: a render must not trigger one. */
  OUTPUT_PREFIX: z.prefault(
    z.string().check(
      z.regex(/^[^/]/, 'must not be empty or begin with /'),
      z.refine(
        (prefix) => !`${prefix}/`.startsWith(UPLOAD_PREFIX),
        `must lie outside ${UPLOAD_PREFIX}, or a render could trigger a render`,
      ),
    ),
    OUTPUT_PREFIX,
  ),
  /** The farm's name, which its jobs carry as a tag. */
  FARM_NAME: z.string().check(z.minLength(1)),
  /** The SNS topic that is told how renders end. */
  TOPIC_ARN: z.string().check(z.startsWith('arn:')),
  /** Set by Lambda itself. */
  AWS_REGION: z.string().check(z.minLength(1)),
});

/** Environment variables as `schema` describes them. Throws `bad-environment` naming the variables at fault. */
export function readEnvironment<T>(
  schema: Schema<T>,
  environment: Readonly<Record<string, string | undefined>>,
): T {
  const result = schema.safeParse(environment);
  if (result.success) return result.data;
  throw badEnvironment(describeIssues(result.error));
}

/** What a variable that holds JSON says. Throws `bad-environment` naming it. */
export function readVariable<T, N extends string>(
  schema: Schema<T>,
  name: N,
  environment: Readonly<Record<N, string>>,
): T {
  return parseJson(schema, Buffer.from(environment[name]), (reason) => badEnvironment(`${name}: ${reason}`));
}

function badEnvironment(reason: string): SpotreelError {
  const message = `the Lambda's environment variables are wrong (${reason}): deploy again`;
  return new SpotreelError('bad-environment', 'internal', message);
}
