import type { ComputeFacts } from '../../../cli/doctor/farm-facts';
import { WaitTeller } from '../../../cli/tellers';
import { waitingHints } from '../../../core/status/judge';
import type { RenderState, Waiting } from '../../../core/status/render-state';
import { makeFarmDescription } from '../../support/farm-description';

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

test('WaitTeller asks AWS every 5 minutes once a render waits unusually long', async () => {
  let [now, asked] = [0, 0];
  const teller = new WaitTeller(
    FARM,
    async () => ((asked += 1), FACTS),
    () => now,
  );
  expect(await teller.explained(waits(60))).toEqual(waits(60));
  expect(asked).toBe(0);
  const { waiting } = await teller.explained(waits(600));
  expect(waiting).toMatchObject({
    hints: [],
    found: expect.arrayContaining([expect.stringContaining('missing')]),
  });
  now += 299_000;
  await teller.explained(waits(900));
  expect(asked).toBe(1);
  now += 1000;
  await teller.explained(waits(900));
  expect(asked).toBe(2);
});

test('WaitTeller gives the last answer while it waits for the next one', async () => {
  let answer: (facts: ComputeFacts) => void = () => undefined;
  const teller = new WaitTeller(FARM, () => new Promise((resolve) => (answer = resolve)));
  expect(teller.explainedSoFar(waits(600))).toEqual(waits(600));
  answer(FACTS);
  const { waiting } = await teller.explained(waits(600));
  expect(teller.explainedSoFar(waits(600)).waiting).toEqual(waiting);
  expect(waiting?.found?.length).toBeGreaterThan(0);
});

test('WaitTeller asks nothing if AWS Batch gives the reason, without a farm, or if the render runs', async () => {
  const find = () => Promise.reject(new Error('asked'));
  const capacity = waits(600, 'CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill');
  const { waiting: _, ...running } = waits(600);
  expect(await new WaitTeller(FARM, find).explained(capacity)).toBe(capacity);
  expect(await new WaitTeller(FARM, find).explained(running)).toBe(running);
  expect(await new WaitTeller(undefined, find).explained(waits(600))).toEqual(waits(600));
});

test('WaitTeller keeps its guesses if access is denied', async () => {
  const denied = { why: 'denied', fault: 'no', permission: 'batch:DescribeJobQueues' } as const;
  const facts = { ...FACTS, queues: denied, environments: denied, definitions: denied, machines: denied };
  const teller = new WaitTeller(FARM, async () => facts);
  expect(await teller.explained(waits(600))).toEqual(waits(600));
});
