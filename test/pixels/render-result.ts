import { z } from 'zod';

const findingSchema = z.object({ code: z.string(), severity: z.string() });

/** What `spotreel render --json` prints, as far as the harness looks at it. */
const renderResultSchema = z.object({
  state: z.string(),
  folder: z.string(),
  frameCount: z.number(),
  framesDone: z.number(),
  errors: z.array(z.string()),
  findings: z.array(findingSchema),
});
export type RenderResult = z.infer<typeof renderResultSchema>;

/** `undefined` if the render was refused before it had a result. */
export function readRenderResult(stdout: string): RenderResult | undefined {
  if (!stdout.startsWith('{')) return undefined;
  const printed: object = JSON.parse(stdout);
  return 'error' in printed ? undefined : renderResultSchema.parse(printed);
}

/** The severity of each code that `spotreel inspect --json` prints. */
export function severitiesOf(stdout: string): Map<string, string> {
  if (!stdout.startsWith('{')) return new Map();
  const { findings = [] } = z
    .object({ findings: z.array(findingSchema).optional() })
    .parse(JSON.parse(stdout));
  return new Map(findings.map(({ code, severity }) => [code, severity]));
}
