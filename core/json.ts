import { en } from 'zod/locales';
import { config } from 'zod/mini';

// The Lambdas' schemas use zod's small variant, because the large one slows down a cold start. The small one needs a
// locale for its messages. `z.lazy` delays the creation of a schema until its first use. `jitless` avoids compiling each
// schema, which takes longer than it saves for a few values.
config({ ...en(), jitless: true });

/** A schema of either variant of zod. */
export interface Schema<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false; error: Issues };
}

interface Issues {
  readonly issues: ReadonlyArray<{ readonly path: readonly PropertyKey[]; readonly message: string }>;
}

/** Parses and checks JSON bytes. Throws the error that `fail` returns for the reason, which is one line. */
export function parseJson<T>(schema: Schema<T>, bytes: Uint8Array, fail: (reason: string) => Error): T {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    throw fail('it is not JSON');
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  if (isNewer(value)) throw fail(NEWER_FORMAT);
  throw fail(describeIssues(result.error));
}

/** The reason for a file in a newer format. Such a file is not damaged. */
export const NEWER_FORMAT = 'a newer version of Spotreel wrote it';

/** A higher version counts as damage. */
const LAST_FORMAT = 999;

function isNewer(value: unknown): boolean {
  const version = typeof value === 'object' && value !== null && 'version' in value ? value.version : 1;
  return Number.isInteger(version) && Number(version) > 1 && Number(version) <= LAST_FORMAT;
}

/** Most faults to list; a file of the wrong kind may have hundreds. */
const MOST_ISSUES = 3;

/** The faults that zod found, in one line: `frames.0.step: Too small…`. */
export function describeIssues({ issues }: Issues): string {
  const named = issues.slice(0, MOST_ISSUES).map(({ path, message }) => {
    const fault = message
      .replace(/^.*received undefined$/, 'missing')
      .replace(/received Infinity$/, 'received a huge number');
    return `${path.map(String).join('.') || 'value'}: ${fault}`;
  });
  const more = issues.length - named.length;
  return [...named, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}
