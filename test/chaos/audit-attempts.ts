import type { AttemptDetail } from '../../core/jobs/batch';
import { EXIT } from '../../core/jobs/worker';
import type { ChildState } from '../../core/local-batch/job-state';
import type { SliceAttempt } from '../../core/render/records';
import { mayFail, storageFailed } from './causes';
import type { RoundFacts } from './round-facts';

const KILLED = 137;

/** Each failed attempt has a cause among the faults of the round, and the slice's report records it. */
export function auditAttempts(facts: RoundFacts): string[] {
  return facts.jobs.flatMap((job) =>
    job.children.flatMap((child, index) => {
      const isRender = job.request.jobName.endsWith('_Rendering');
      const name = isRender ? `slice ${index}` : 'the stitch job';
      const faults = [...auditCauses(child, facts), ...(isRender ? auditReport(child, index, facts) : [])];
      return faults.map((fault) => `${name}: ${fault}`);
    }),
  );
}

function auditCauses({ attempts }: ChildState, facts: RoundFacts): string[] {
  return attempts.flatMap(({ container }, i) => {
    const exitCode = container?.exitCode;
    return exitCode === 0 || mayEndWith(exitCode, facts)
      ? []
      : [`attempt ${i + 1} ended with ${exitCode} without a cause`];
  });
}

function mayEndWith(exitCode: number | undefined, facts: RoundFacts): boolean {
  const got = (signal: string): boolean =>
    facts.signals.some((sent) => sent.target === 'worker' && sent.signal === signal);
  switch (exitCode) {
    case EXIT.scene.code:
      return facts.plan.frames.some((frame) => mayFail(frame, facts));
    case EXIT.passing.code:
      return storageFailed(facts);
    case EXIT.stopped.code:
      return got('SIGTERM') || got('notice');
    case KILLED:
      return got('SIGKILL');
    default:
      return false;
  }
}

function auditReport({ status, attempts }: ChildState, slice: number, facts: RoundFacts): string[] {
  const { reports, plan, farm } = facts;
  const told = reports.find((report) => report.slice === slice)?.attempts ?? [];
  const faults = attempts.flatMap((attempt, i) => auditEntry(i + 1, attempt, told, facts));
  // One that was lost with the scheduler has the number of the one after it.
  const unended = told.filter(({ attempt, exitCode }) => {
    const ended = attempts[attempt - 1]?.container?.exitCode;
    return exitCode === undefined && ended !== KILLED && farm.restarts === 0 && !storageFailed(facts);
  });
  faults.push(
    ...unended.map(({ attempt }) => `attempt ${attempt} is reported without an end and was not killed`),
  );
  const last = told.at(-1);
  const size = plan.frames.slice(slice * plan.framesPerSlice, (slice + 1) * plan.framesPerSlice).length;
  if (status === 'SUCCEEDED' && last && last.kept + last.frames.length !== size)
    faults.push(
      `its last attempt reports ${last.kept} frames kept and ${last.frames.length} rendered of ${size}`,
    );
  return faults;
}

/** The report has the end of each attempt that ended by itself, unless storage failed. */
function auditEntry(
  attempt: number,
  { container, startedAt = 0 }: AttemptDetail,
  told: readonly SliceAttempt[],
  facts: RoundFacts,
): string[] {
  const exitCode = container?.exitCode;
  // One that was lost with the scheduler has its number, too, and was begun before it.
  const entry = told.findLast((one) => one.attempt === attempt && Date.parse(one.startedAt) >= startedAt);
  if (exitCode === KILLED || (exitCode !== 0 && storageFailed(facts))) return [];
  // It may have been stopped before it could begin.
  if (exitCode === EXIT.stopped.code && !entry) return [];
  if (entry?.exitCode !== exitCode)
    return [`attempt ${attempt} ended with ${exitCode} and is reported with ${entry?.exitCode}`];
  return exitCode !== 0 && !entry?.reason ? [`attempt ${attempt} is reported without a reason`] : [];
}
