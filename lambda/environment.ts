import * as z from 'zod/mini';
import { codeOf, messageOf, SpotreelError } from '../core/errors';
import { describeIssues, parseJson, type Schema } from '../core/json';
import { OUTPUT_PREFIX, UPLOAD_PREFIX } from '../core/render/keys';
import { printable } from '../core/text';

type Fields = Readonly<Record<string, unknown>>;

/** Structured logs: what happened, by a stable name, and the facts. */
export interface Logger {
  info(event: string, fields?: Fields): void;
  warn(event: string, fields?: Fields): void;
  error(event: string, fault: unknown, fields?: Fields): void;
}

/**
 * One JSON object a line on standard output, which Lambda hands to CloudWatch Logs as they are: `time`, `level`,
 * `event`, the fields. Not `console.log`, which Lambda prefixes. `printable` escapes as JSON does, so a line stays JSON.
 */
export function createLogger(write: (line: string) => void = writeLine): Logger {
  const log = (level: string, event: string, fields: Fields = {}): void =>
    write(printable(JSON.stringify({ time: new Date().toISOString(), level, event, ...fields })));
  return {
    info: (event, fields) => log('info', event, fields),
    warn: (event, fields) => log('warn', event, fields),
    error: (event, fault, fields) => log('error', event, { ...fields, error: describeFault(fault) }),
  };
}

function writeLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** The stack of what was expected says nothing; that of a fault of our own is all there is. */
function describeFault(fault: unknown): Fields {
  const known = fault instanceof SpotreelError && fault.kind !== 'internal';
  return {
    code: codeOf(fault),
    kind: fault instanceof SpotreelError ? fault.kind : undefined,
    message: messageOf(fault),
    cause: fault instanceof Error && fault.cause !== undefined ? messageOf(fault.cause) : undefined,
    stack: fault instanceof Error && !known ? fault.stack : undefined,
  };
}

/** A whole number of 1 or more. */
export const count = z.coerce.number().check(z.int(), z.gte(1));

/** The environment variables that the Lambdas share. */
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
