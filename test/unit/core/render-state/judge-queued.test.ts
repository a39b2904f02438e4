import { judgeRender } from '../../../../core/render-state/judge-render';
import { array, ended, iso, job, known, NOW, type Known } from './known-renders';

const queued = { place: 'here', attended: false, turn: 0 } as const;

test.each<[string, Known, string]>([
  ['planned', { records: { jobs: undefined }, seen: queued }, 'waiting'],
  ['interrupted', { seen: { ...queued, render: array({ RUNNABLE: 8 }) } }, 'waiting'],
  [
    'refused before',
    { records: { plan: undefined, jobs: undefined, status: ended('refused') }, seen: queued },
    'waiting',
  ],
  [
    'failed before',
    { seen: { ...queued, render: array({ FAILED: 8 }, 'FAILED'), stitch: job('s', 'FAILED') } },
    'waiting',
  ],
  ['at work', { seen: { ...queued, attended: true, render: array({ RUNNING: 1 }) } }, 'rendering'],
])('in the queue of a watch folder, %s', (_, one, state) => {
  expect(judgeRender(known(one), NOW)).toMatchObject({ state, ended: false });
});

test('it says how many are before it, and since when it waits', () => {
  const told = (turn: number) =>
    judgeRender(
      known({ records: { jobs: undefined, jobsNotedAt: undefined }, seen: { ...queued, turn } }),
      NOW,
    );
  expect(told(0).reason).toBe('it is the next in the queue of its watch folder');
  expect(told(1).reason).toBe('it waits in the queue of its watch folder, 1 render before it');
  expect(told(7)).toMatchObject({
    reason: 'it waits in the queue of its watch folder, 7 renders before it',
    waiting: { since: iso(2000), hints: [] },
  });
});
