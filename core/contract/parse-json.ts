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
  if (!result.success) throw fail(describeIssues(result.error));
  return result.data;
}

/** What zod found, in one line: `frames.0.step: Too small…`. */
export function describeIssues(error: Issues): string {
  return error.issues
    .map((issue) => `${issue.path.map(String).join('.') || 'value'}: ${issue.message}`)
    .join('; ');
}
