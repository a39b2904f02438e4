import { retryStrategy } from '../../../../core/jobs/batch';
import { type AttemptEnd, evaluateOnExit } from '../../../../core/local-batch/job-state';

const NOT_STARTED = 'Task failed to start';
const EXITED = 'Essential container in task exited';

/** Sources of the reasons below. */
const JOB_EVENTS = 'https://docs.aws.amazon.com/batch/latest/userguide/batch_job_events.html';
const RETRIES = 'https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html';
const SPOT = 'https://docs.aws.amazon.com/batch/latest/userguide/best-practices.html';
const ECS_CODES = 'https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html';
const AGENT_ERRORS = 'https://github.com/aws/amazon-ecs-agent, agent/dockerclient/dockerapi/errors.go';
const AGENT_CGROUP = 'https://github.com/aws/amazon-ecs-agent, agent/taskresource/cgroup/cgroup_linux.go';
const nextflow = (issue: number) => `https://github.com/nextflow-io/nextflow/issues/${issue}`;

/** An end of an attempt as AWS reports it, and its source. */
type Row = readonly [name: string, end: AttemptEnd, source: string];

/** The container did not run, or its end is unknown. */
const RETRIED: readonly Row[] = [
  ['a reclaimed machine', { statusReason: 'Host EC2 (instance i-0123456789abcdef0) terminated.' }, SPOT],
  [
    'a reclaimed machine that killed the container',
    { statusReason: 'Host EC2 (instance i-0123456789abcdef0) terminated.', exitCode: 137 },
    SPOT,
  ],
  [
    'a refused pull',
    { statusReason: NOT_STARTED, reason: 'CannotPullContainerError: pull access denied' },
    ECS_CODES,
  ],
  [
    'a full disk',
    { statusReason: NOT_STARTED, reason: 'CannotPullContainerError: write: no space left on device' },
    nextflow(5099),
  ],
  [
    'a container that cannot be created',
    { statusReason: NOT_STARTED, reason: 'CannotCreateContainerError: API error (500): devmapper' },
    ECS_CODES,
  ],
  [
    'a container that cannot start',
    { statusReason: NOT_STARTED, reason: 'CannotStartContainerError: failed to get container status' },
    ECS_CODES,
  ],
  [
    'a volume that cannot be created',
    { statusReason: NOT_STARTED, reason: 'CannotCreateVolumeError: x' },
    AGENT_ERRORS,
  ],
  [
    'a slow Docker',
    {
      statusReason: NOT_STARTED,
      reason: 'DockerTimeoutError: Could not transition to created; timed out after waiting 4m0s',
    },
    nextflow(4096),
  ],
  [
    'a slow Docker that started no container',
    {
      statusReason: EXITED,
      reason: 'DockerTimeoutError: Could not transition to started; timed out after waiting 3m0s',
    },
    AGENT_ERRORS,
  ],
  [
    'a missing cgroup',
    {
      statusReason: NOT_STARTED,
      reason: "CgroupError: Agent could not create task's platform resources",
    },
    AGENT_CGROUP,
  ],
  [
    'a missing resource',
    { statusReason: NOT_STARTED, reason: 'ResourceInitializationError: unable to create new container' },
    ECS_CODES,
  ],
  [
    'a throttled download of the agent',
    {
      statusReason: NOT_STARTED,
      reason: 'ResourceInitializationError: failed to download env files: 503 SlowDown',
    },
    nextflow(4096),
  ],
  ['an agent that lost its connection', { statusReason: NOT_STARTED, reason: 'AGENT' }, RETRIES],
  ['an agent without another reason', { reason: 'AGENT' }, RETRIES],
  ['a start without another reason', { statusReason: NOT_STARTED }, RETRIES],
  [
    'an exit code that the agent could not read',
    {
      statusReason: EXITED,
      reason: 'CannotInspectContainerError: Could not transition to inspecting; timed out after waiting 30s',
      exitCode: 0,
    },
    nextflow(3091),
  ],
  ['a passing fault of the worker', { statusReason: EXITED, exitCode: 75 }, JOB_EVENTS],
  ['a worker that SIGTERM stopped', { statusReason: EXITED, exitCode: 143 }, JOB_EVENTS],
];

/** The container ran and ended, and would end the same way again. */
const ENDED: readonly Row[] = [
  ['wrong usage', { statusReason: EXITED, exitCode: 64 }, JOB_EVENTS],
  ['a fault of the scene', { statusReason: EXITED, exitCode: 65 }, JOB_EVENTS],
  ['an internal fault', { statusReason: EXITED, exitCode: 70 }, JOB_EVENTS],
  ['another exit code', { statusReason: EXITED, exitCode: 1 }, JOB_EVENTS],
  ['a crash', { statusReason: EXITED, exitCode: 139 }, JOB_EVENTS],
  [
    'too little memory',
    {
      statusReason: EXITED,
      reason: 'OutOfMemoryError: Container killed due to memory usage',
      exitCode: 137,
    },
    AGENT_ERRORS,
  ],
];

describe('the retry strategy', () => {
  const { attempts, evaluateOnExit: rules = [] } = retryStrategy(5);

  test('has at most five rules and the given attempts', () => {
    expect(rules.length).toBeLessThanOrEqual(5);
    expect(attempts).toBe(5);
  });

  // https://docs.aws.amazon.com/batch/latest/APIReference/API_EvaluateOnExit.html
  test('uses only characters that AWS Batch allows in patterns', () => {
    for (const { onExitCode = '', onReason = '', onStatusReason = '' } of rules) {
      expect(onExitCode).toMatch(/^\d*\*?$/);
      expect([onReason, onStatusReason].join('')).toMatch(/^[\w.:\s]*\*?$/);
    }
  });

  test.each(RETRIED)('retries after %s', (_, end) => {
    expect(evaluateOnExit(rules, end)).toBe('RETRY');
  });

  test.each(ENDED)('ends the job after %s', (_, end) => {
    expect(evaluateOnExit(rules, end)).toBe('EXIT');
  });

  test('retries every start fault even if * matches a missing exit code', () => {
    const lenient = rules.map(({ onExitCode, ...rule }) =>
      onExitCode === '*' ? rule : { ...rule, onExitCode },
    );
    const starts = RETRIED.filter(([, { statusReason }]) => statusReason === NOT_STARTED);
    expect(starts.map(([, end]) => evaluateOnExit(lenient, end))).toEqual(starts.map(() => 'RETRY'));
  });
});
