import * as z from 'zod/mini';
import { codeOf, messageOf, SpotreelError } from '../core/errors';
import { describeIssues, parseJson, type Schema } from '../core/json';
import { OUTPUT_PREFIX, UPLOAD_PREFIX } from '../core/render/keys';
import { printable } from '../core/text';

type Fields = Readonly<Record<string, unknown>>;

/** Structured logs. Each entry has an event with a stable name and its fields. */
export interface Logger {
  info(event: string, fields?: Fields): void;
  warn(event: string, fields?: Fields): void;
  error(event: string, fault: unknown, fields?: Fields): void;
}

/**
 * Writes one JSON object a line to standard output: `time`, `level`, `event` and the fields. Lambda sends the lines to
 * CloudWatch Logs unchanged; it would prefix lines of `console.log`. `printable` escapes as JSON does.
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

/** An error with its stack, unless the error was expected. */
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

/** The environment variables of every Lambda. */
export const commonEnvironment = z.object({
  /** Name of the bucket. */
  BUCKET: z.string().check(z.minLength(3)),
  /** Folder of all renders in the bucket. Must be outside of uploads, because a render must not start another. */
  OUTPUT_PREFIX: z.prefault(
    z.string().check(
      z.regex(/^[^/]/, 'must not be empty or begin with /'),
      z.refine(
        (prefix) => !`${prefix}/`.startsWith(UPLOAD_PREFIX),
        `must be outside of ${UPLOAD_PREFIX}, because a render could start another render there`,
      ),
    ),
    OUTPUT_PREFIX,
  ),
  /** Name of the farm, which is a tag of its jobs. */
  FARM_NAME: z.string().check(z.minLength(1)),
  /** The SNS topic for messages about ended renders. */
  TOPIC_ARN: z.string().check(z.startsWith('arn:')),
  /** Lambda sets this. */
  AWS_REGION: z.string().check(z.minLength(1)),
});

/** Reads environment variables by `schema`. Throws `bad-environment`, which names the wrong variables. */
export function readEnvironment<T>(
  schema: Schema<T>,
  environment: Readonly<Record<string, string | undefined>>,
): T {
  const result = schema.safeParse(environment);
  if (result.success) return result.data;
  throw badEnvironment(describeIssues(result.error));
}

/** Reads an environment variable that contains JSON. Throws `bad-environment`, which names it. */
export function readVariable<T, N extends string>(
  schema: Schema<T>,
  name: N,
  environment: Readonly<Record<N, string>>,
): T {
  return parseJson(schema, Buffer.from(environment[name]), (reason) => badEnvironment(`${name}: ${reason}`));
}

function badEnvironment(reason: string): SpotreelError {
  const message = `the Lambda's environment variables are wrong: ${reason}; deploy again`;
  return new SpotreelError('bad-environment', 'internal', message);
}
