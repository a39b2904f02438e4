/** What the status reasons of AWS Batch and ECS mean where neither runs anything; `undefined` for one that says nothing. */
const PLAIN: ReadonlyArray<readonly [RegExp, string | undefined]> = [
  [/^Array Child Job failed/, undefined],
  [/^Dependent Job failed/i, undefined],
  [
    /^Essential container in task exited/,
    'the worker ended with an error; spotreel logs shows what it printed',
  ],
  [/^Task failed to start/, 'the worker could not be started'],
  [/^Job attempt duration exceeded timeout/, 'a slice took longer than its timeout'],
];

/** The status reason of a job for people: on one machine without the words of AWS Batch and ECS. Pure. */
export function plainStatusReason(reason: string | undefined, place: 'farm' | 'here'): string | undefined {
  if (reason === undefined) return undefined;
  const known = PLAIN.find(([pattern]) => pattern.test(reason));
  if (!known) return reason;
  // On a farm the words lead to AWS's own documentation, but for the one that says nothing.
  return place === 'here' || known[1] === undefined ? known[1] : reason;
}

/** Why a program never came up, without ECS's name for it. Pure. */
export function plainStartFailure(reason: string): string {
  return `the worker could not be started: ${reason.replace(/^CannotStartContainerError: /, '')}`;
}
