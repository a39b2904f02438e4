import type { z } from 'zod';

/** JSON bytes as what `schema` describes; what is wrong with them goes, in one line, to `fail`, whose error is thrown. */
export function parseJson<T>(schema: z.ZodType<T>, bytes: Uint8Array, fail: (reason: string) => Error): T {
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
export function describeIssues(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join('.') || 'value'}: ${issue.message}`).join('; ');
}
