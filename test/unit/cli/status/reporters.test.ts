import type { ComputeFacts } from '../../../../cli/doctor/farm-facts';
import { WaitReporter } from '../../../../cli/status/reporters';
import { waitingHints } from '../../../../core/status/judge';
import type { RenderState, Waiting } from '../../../../core/status/render-state';
import { makeFarmDescription } from '../../../support/farm-description';

const FARM = makeFarmDescription();
const NONE = { value: [] };
/** An account without anything. */
const FACTS: ComputeFacts = {
  queues: NONE,
  environments: NONE,
  definitions: NONE,
  images: [],
  quotas: [],
  machines: { value: { started: 0, joined: 0, lost: [] } },
};
const waits = (seconds: number, statusReason?: string): RenderState => {
  const waiting: Waiting = {
    since: '2026-01-01T00:00:00Z',
    runnable: 4,
    hints: waitingHints(seconds, statusReason),
    ...(statusReason !== undefined && { statusReason }),
  };
  const links = { folder: 's3://films/renders/shot/' };
  return { renderId: 'shot', state: 'waiting', ended: false, waiting, failures: [], findings: [], links };
};

test('WaitReporter asks AWS every 5 minutes once a render waits unusually long', async () => {
  let [now, asked] = [0, 0];
  const reporter = new WaitReporter(
    FARM,
    async () => ((asked += 1), FACTS),
    () => now,
  );
  expect(await reporter.explained(waits(60))).toEqual(waits(60));
  expect(asked).toBe(0);
  const { waiting } = await reporter.explained(waits(600));
  expect(waiting).toMatchObject({
    hints: [],
    found: expect.arrayContaining([expect.stringContaining('missing')]),
  });
  now += 299_000;
  await reporter.explained(waits(900));
  expect(asked).toBe(1);
  now += 1000;
  await reporter.explained(waits(900));
  expect(asked).toBe(2);
});

test('WaitReporter gives the last answer while it waits for the next one', async () => {
  let answer: (facts: ComputeFacts) => void = () => undefined;
  const reporter = new WaitReporter(FARM, () => new Promise((resolve) => (answer = resolve)));
  expect(reporter.explainedSoFar(waits(600))).toEqual(waits(600));
  answer(FACTS);
  const { waiting } = await reporter.explained(waits(600));
  expect(reporter.explainedSoFar(waits(600)).waiting).toEqual(waiting);
  expect(waiting?.found?.length).toBeGreaterThan(0);
});

test('WaitReporter asks nothing if AWS Batch gives the reason, without a farm, or if the render runs', async () => {
  const find = () => Promise.reject(new Error('asked'));
  const capacity = waits(600, 'CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill');
  const { waiting: _, ...running } = waits(600);
  expect(await new WaitReporter(FARM, find).explained(capacity)).toBe(capacity);
  expect(await new WaitReporter(FARM, find).explained(running)).toBe(running);
  expect(await new WaitReporter(undefined, find).explained(waits(600))).toEqual(waits(600));
});

test('WaitReporter keeps its guesses if access is denied', async () => {
  const denied = { why: 'denied', fault: 'no', permission: 'batch:DescribeJobQueues' } as const;
  const facts = { ...FACTS, queues: denied, environments: denied, definitions: denied, machines: denied };
  const reporter = new WaitReporter(FARM, async () => facts);
  expect(await reporter.explained(waits(600))).toEqual(waits(600));
});
