import { en } from 'zod/locales';
import { config } from 'zod/mini';

// Schemas that a Lambda reads by are written with zod's small variant: a cold start feels the large one, and a bundler
// can leave out nothing of it. The small one has to be told in which language it speaks. `z.lazy` around a schema keeps
// it from being made before anything is read by it, and without `jitless` zod would first compile a program for each,
// which takes longer than what it saves on a few values.
config({ ...en(), jitless: true });

/** What has checked a value and can say what is wrong with it: a schema of either variant of zod. */
export interface Schema<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false; error: Issues };
}

interface Issues {
  readonly issues: ReadonlyArray<{ readonly path: readonly PropertyKey[]; readonly message: string }>;
}

/** JSON bytes as what `schema` describes; what is wrong with them goes, in one line, to `fail`, whose error is thrown. */
export function parseJson<T>(schema: Schema<T>, bytes: Uint8Array, fail: (reason: string) => Error): T {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    throw fail('it is no JSON');
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  if (isNewer(value)) throw fail(NEWER_FORMAT);
  throw fail(describeIssues(result.error));
}

/** The reason for a file in a format that came after this version of Spotreel. Such a file is not damaged. */
export const NEWER_FORMAT = 'a newer version of Spotreel wrote it';

/** Above that a version is damage. */
const LAST_FORMAT = 999;

function isNewer(value: unknown): boolean {
  const version = typeof value === 'object' && value !== null && 'version' in value ? value.version : 1;
  return Number.isInteger(version) && Number(version) > 1 && Number(version) <= LAST_FORMAT;
}

/** Faults that are named; a file of the wrong kind may have hundreds. */
const MOST_ISSUES = 3;

/** What zod found, in one line: `frames.0.step: Too small…`. */
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
