import { keptDataAssumption } from '../../../../cli/estimate/assumptions';
import { manifestFor } from '../../../support/stored-render';

const plan = manifestFor('shot', 100);

test('an estimate says that kept data may make the render cheaper', () => {
  expect(keptDataAssumption(4, 2, plan)).toEqual([expect.stringContaining('--persistent-data')]);
});

test.each([
  ['another engine', 4, { engine: 'BLENDER_EEVEE' }],
  ['--persistent-data off', 4, { options: { persistentData: 'off' } }],
  ['a film of three frames', 3, { frameCount: 3 }],
  ['a test that can keep data itself', 8, {}],
] as const)('an estimate says nothing of kept data with %s', (_, tested, changes) => {
  expect(keptDataAssumption(tested, 2, { ...plan, ...changes })).toEqual([]);
});
