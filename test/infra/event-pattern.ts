import type { EventPattern } from 'aws-cdk-lib/aws-events';

/** A pattern with the field names of events. */
export function writtenPattern({ detailType, ...rest }: EventPattern): unknown {
  return { ...rest, 'detail-type': detailType };
}

/**
 * Whether `pattern` matches `event`. Supports only the operators of EventBridge that the farm's rules use, and throws for
 * others.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
export function matchesPattern(pattern: unknown, event: unknown): boolean {
  if (!isObject(pattern)) throw new Error(`not a pattern: ${JSON.stringify(pattern)}`);
  return Object.entries(pattern).every(([field, expected]) => {
    const value = isObject(event) ? event[field] : undefined;
    // Conditions on one field are alternatives.
    return Array.isArray(expected)
      ? expected.some((condition) => matchesCondition(condition, value))
      : matchesPattern(expected, value);
  });
}

function matchesCondition(condition: unknown, value: unknown): boolean {
  if (!isObject(condition)) return value === condition;
  const [[operator, operand] = [], ...more] = Object.entries(condition);
  if (more.length > 0) throw new Error(`more than one operator: ${JSON.stringify(condition)}`);
  if (operator === 'exists') return (value !== undefined) === operand;
  if (operator === 'suffix' && isObject(operand) && typeof operand['equals-ignore-case'] === 'string') {
    return (
      typeof value === 'string' && value.toLowerCase().endsWith(operand['equals-ignore-case'].toLowerCase())
    );
  }
  throw new Error(`unknown operator: ${JSON.stringify(condition)}`);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
