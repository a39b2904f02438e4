import { codeOf, messageOf, SpotreelError } from '../core/errors';
import { printable } from '../core/printable';

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
